import importlib.util
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench.cli import main
from cam.tap import tap
from weights import WeightsError, load_classifier
from weights.keras import PREPROCESSING, convert

h5py = pytest.importorskip("h5py", reason="h5py is not installed")

SIDE = 64
ARCHS = {"flat": "vgg16_keras_flat2_24", "average": "vgg16_keras_average_16", "largest": "vgg16_keras_max"}
GIVEN = {"largest": "rescale"}  # the others' files, or the default, say it


@pytest.fixture(scope="module")
def pictures(shared):
    """The lab's photographs, (3, SIDE, SIDE, 3) from 0 to 255."""
    paths = sorted((shared / "data" / "lab").glob("*.jpg"))
    return np.stack([np.asarray(Image.open(path).convert("RGB").resize((SIDE, SIDE))) for path in paths])


@pytest.fixture(scope="module")
def made(pictures, tmp_path_factory):
    """Folder of the models that `models.py` saves with Keras itself."""
    if importlib.util.find_spec("keras") is None:
        pytest.skip("keras is not installed")
    folder = tmp_path_factory.mktemp("keras")
    np.save(folder / "pictures.npy", pictures)
    script = Path(__file__).with_name("models.py")
    subprocess.run([sys.executable, str(script), str(folder / "pictures.npy"), str(folder)], check=True)
    yield folder
    shutil.rmtree(folder)  # 400 MB


@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.parametrize("name", ["flat", "average"])
def test_logits_and_maps_of_photographs_are_those_of_keras(made, pictures, tmp_path, name, ending):
    converted = convert(made / f"{name}{ending}", preprocessing=GIVEN.get(name), classes=("cat", "dog"))
    assert converted.arch == ARCHS[name]
    (tmp_path / "m.safetensors").write_bytes(converted.content)
    classifier = load_classifier(tmp_path / "m.safetensors")
    assert classifier.checkpoint.arch == ARCHS[name]
    assert classifier.checkpoint.preprocess.crop == SIDE
    images = torch.from_numpy(pictures / 255).float().permute(0, 3, 1, 2)
    tapped = tap(classifier, classifier.network, images, ["block5_conv3", "block5_pool"])
    theirs = {key: torch.from_numpy(value) for key, value in np.load(made / f"{name}.npz").items()}
    logits = theirs["logits"]
    logits = torch.cat([-logits / 2, logits / 2], 1) if logits.shape[1] == 1 else logits
    assert logits.std() > 0.1  # they tell pictures apart
    torch.testing.assert_close(tapped.logits, logits, rtol=1e-4, atol=1e-4)
    for layer, maps in tapped.activations.items():
        torch.testing.assert_close(maps, theirs[layer].permute(0, 3, 1, 2), rtol=1e-4, atol=1e-4)
        assert maps.min() == 0 < maps.max()


def test_a_model_without_models_in_it_and_with_three_classes(made, pictures):
    converted = convert(made / "largest.keras", preprocessing="rescale")
    assert converted.arch == ARCHS["largest"]
    tensors = safetensors_of(converted.content)
    assert tensors["predictions.weight"].shape == (3, 512)
    pooled = np.load(made / "largest.npz")["block5_pool"].max((1, 2))
    logits = pooled @ tensors["predictions.weight"].T + tensors["predictions.bias"]
    np.testing.assert_allclose(logits, np.load(made / "largest.npz")["logits"], rtol=1e-4, atol=1e-4)


def safetensors_of(content):
    import safetensors.numpy

    return safetensors.numpy.load(content)


def test_the_notes_say_what_was_left_out_and_assumed(made):
    flat, average = convert(made / "flat.keras").notes, convert(made / "average.keras").notes
    assert flat[0] == "softmax at the end left out: the logits before it are kept"
    assert flat[1] == "left out, as they do nothing in evaluation: Dropout"
    assert "assumed: caffe" in flat[2] and "--preprocessing rescale" in flat[2]
    assert average[0] == "sigmoid at the end left out: the logits before it are kept"
    assert average[1].endswith("Dropout, RandomFlip, RandomRotation")
    assert "the model's own Rescaling" in average[2]
    said = convert(made / "flat.keras", preprocessing="caffe").notes
    assert not any("assumed" in note for note in said)


def test_caffe_is_rgb_minus_the_mean_pixel_with_the_first_layer_turned_round(made, tmp_path):
    caffe, raw = (convert(made / "flat.keras", preprocessing=each).content for each in ("caffe", "raw"))
    (tmp_path / "m.safetensors").write_bytes(caffe)
    preprocess = load_classifier(tmp_path / "m.safetensors").checkpoint.preprocess
    assert preprocess.mean == pytest.approx((123.68 / 255, 116.779 / 255, 103.939 / 255))
    assert preprocess.std == pytest.approx((1 / 255,) * 3)
    first = "block1_conv1.weight"
    assert np.array_equal(safetensors_of(caffe)[first], safetensors_of(raw)[first][:, ::-1])


def renamed(source, target, change):
    """A copy of an .h5 file as Keras 2 would have written it: names with :0, and nodes as lists."""
    shutil.copy(source, target)
    with h5py.File(target, "r+") as file:
        found = []
        file["model_weights"].visititems(lambda path, entry: found.append(path) if hasattr(entry, "shape") else None)
        for path in found:
            file["model_weights"].move(path, f"{path}:0")
        change(file)


def older(model):
    """The configuration with nodes [[[name, 0, 0, {}]]] and the side in batch_input_shape."""
    for layer in model["config"]["layers"]:
        for node in layer.get("inbound_nodes", []):
            history = node["args"][0]["config"]["keras_history"]
            layer["inbound_nodes"] = [[[*history, {}]]]
        settings = layer["config"]
        if "batch_shape" in settings:
            settings["batch_input_shape"] = settings.pop("batch_shape")
        if "layers" in settings:
            older(layer)
    if "output_layers" in model["config"]:
        model["config"]["output_layers"] = [model["config"]["output_layers"]]
    return model


@pytest.mark.parametrize("name", ["flat", "average"])
def test_a_file_of_keras_2(made, tmp_path, name):
    def change(file):
        file.attrs["model_config"] = json.dumps(older(json.loads(file.attrs["model_config"])))
        file.attrs["keras_version"] = "2.4.0"

    renamed(made / f"{name}.h5", tmp_path / "old.h5", change)
    old, new = convert(tmp_path / "old.h5"), convert(made / f"{name}.h5")
    assert (old.arch, old.notes) == (new.arch, new.notes)
    ours, theirs = safetensors_of(old.content), safetensors_of(new.content)
    assert set(ours) == set(theirs)
    assert all(np.array_equal(ours[key], theirs[key]) for key in ours)


def test_weights_alone_say_so(made):
    with pytest.raises(WeightsError, match=r"holds weights alone, without the network's layers; .*model\.save"):
        convert(made / "alone.weights.h5")


def test_layers_in_another_order_than_their_weights_are_refused(made, tmp_path):
    with zipfile.ZipFile(made / "flat.keras") as archive:
        config, weights = (archive.read(name) for name in ("config.json", "model.weights.h5"))
    swapped = config.replace(b'"name": "dense"', b'"name": "dense_9"')
    assert swapped != config
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("config.json", swapped)
        archive.writestr("model.weights.h5", weights)
    with pytest.raises(WeightsError, match="keeps layer 'dense' where 'dense_9' is expected; save the whole model"):
        convert(tmp_path / "m.keras")


def test_a_cut_file_is_damaged(made, tmp_path):
    for ending in (".keras", ".h5"):
        whole = (made / f"flat{ending}").read_bytes()
        for share in (0.001, 0.5, 0.999):
            (tmp_path / "cut").write_bytes(whole[: int(len(whole) * share)])
            with pytest.raises(WeightsError, match=r"truncated or damaged|no file of Keras"):
                convert(tmp_path / "cut")


def test_the_command_writes_a_file_once(made, tmp_path, capsys):
    out = tmp_path / "vgg.safetensors"
    assert main(["convert", "keras", str(made / "flat.keras"), "--out", str(out), "--classes", "cat,dog"]) == 0
    said = capsys.readouterr().out
    assert "note: softmax at the end left out" in said and f"{out}  vgg16_keras_flat2_24: give it with" in said
    assert main(["convert", "keras", str(made / "flat.keras"), "--out", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["convert", "keras", str(made / "flat.keras"), "--out", str(tmp_path / "a.pth")]) == 2
    assert "expected a file ending in .safetensors" in capsys.readouterr().err


def test_what_the_command_offers_is_what_there_is():
    from bench.commands.convert import PREPROCESSING as OFFERED

    assert set(OFFERED) == set(PREPROCESSING)
