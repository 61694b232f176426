import hashlib

import pytest
import torch
from PIL import Image
from torchvision.models import AlexNet
from torchvision.transforms.v2.functional import normalize, pil_to_tensor

from weights import Preprocess, load_classifier

LAB = {"both": "dog", "cat": "cat", "dog": "dog"}


@pytest.fixture(scope="session")
def photographs(shared):
    images = [Image.open(shared / "data" / "lab" / f"{name}.jpg").convert("RGB") for name in LAB]
    return torch.stack([pil_to_tensor(image) for image in images]) / 255


@pytest.mark.parametrize(
    ("name", "arch", "parameters"),
    [("alexnet-catdog", "alexnet", 57_012_034), ("alexnet-narrow-catdog", "alexnet_narrow", 3_649_730)],
)
def test_real_checkpoints_recognise_the_lab_photographs(shared, photographs, name, arch, parameters):
    path = shared / "weights" / f"{name}.pth"
    classifier = load_classifier(path)
    with torch.inference_mode():
        logits = classifier(photographs)
    assert [classifier.classes[i] for i in logits.argmax(1)] == list(LAB.values())
    checkpoint = classifier.checkpoint
    assert (checkpoint.name, checkpoint.arch, checkpoint.parameters) == (name, arch, parameters)
    assert checkpoint.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert checkpoint.preprocess == Preprocess()
    assert checkpoint.notes == ()


def test_logits_are_those_of_torchvisions_normalisation_and_a_network_filled_by_hand(narrow_file, photographs):
    stored = torch.load(narrow_file, weights_only=True)
    network = AlexNet(num_classes=2)
    network.classifier = torch.nn.Sequential(
        torch.nn.Dropout(), torch.nn.Linear(9216, 128), torch.nn.ReLU(), torch.nn.Dropout(), torch.nn.Linear(128, 2)
    )
    network.load_state_dict(stored)
    network.eval()
    classifier = load_classifier(narrow_file)
    normalised = normalize(photographs, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    with torch.inference_mode():
        torch.testing.assert_close(classifier(photographs), network(normalised), rtol=1e-5, atol=1e-5)


def test_without_its_toml_the_real_file_is_recognised(narrow_file, photographs, tmp_path):
    copy = tmp_path / "copy.pth"
    copy.write_bytes(narrow_file.read_bytes())
    classifier = load_classifier(copy)
    assert classifier.checkpoint.arch == "alexnet_narrow"
    assert len(classifier.checkpoint.notes) == 3
    with torch.inference_mode():
        assert torch.equal(classifier(photographs), load_classifier(narrow_file)(photographs))
