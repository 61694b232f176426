import pytest
import safetensors
import torch

from reports.files import write_atomic
from weights import checkpoint_bytes, load_classifier


@pytest.fixture
def classifier():
    return load_classifier("catdog-photos-alexnet", classes=("dog", "cat"), crop=192, mean=(0.1, 0.2, 0.3))


def test_what_is_saved_says_what_it_is(classifier, tmp_path):
    path = tmp_path / "mine.safetensors"
    write_atomic(path, checkpoint_bytes(classifier, {"accuracy": "0.5"}))
    again = load_classifier(path)
    assert again.checkpoint.notes == ()
    assert again.checkpoint.arch == "alexnet_narrow"
    assert again.checkpoint.classes == ("dog", "cat")
    assert again.checkpoint.preprocess == classifier.checkpoint.preprocess
    images = torch.rand(2, 3, 192, 192, generator=torch.Generator().manual_seed(0))
    assert torch.equal(again(images), classifier(images))  # float16 in, float16 out
    with safetensors.safe_open(path, "pt") as file:
        assert file.metadata()["accuracy"] == "0.5"
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float16}  # noqa: SIM118 (not a dict)


def test_a_failed_write_keeps_the_old_file(classifier, tmp_path, monkeypatch):
    path = tmp_path / "mine.safetensors"
    path.write_bytes(b"old")
    monkeypatch.setattr("os.fsync", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_atomic(path, checkpoint_bytes(classifier, {}))
    assert path.read_bytes() == b"old"
