import shutil

import pytest
import torch
from safetensors.torch import load_file

from datasets import DATASETS, load_batches
from weights import SHIPPED, WeightsError, catalogue, load_classifier
from weights.catalogue import shipped_path
from weights.files import sha256_of


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_checkpoints_load_by_name_and_assume_nothing(name):
    checkpoint = load_classifier(name).checkpoint
    assert (checkpoint.name, checkpoint.classes, checkpoint.notes) == (name, ("cat", "dog"), ())
    assert checkpoint.sha256 == SHIPPED[name].sha256


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_checkpoint_is_small_and_has_a_card_with_its_licence(name):
    assert shipped_path(name).stat().st_size < 10e6
    card = shipped_path(name).with_suffix(".md").read_text()
    assert card.startswith(f"# {name}\n")
    assert SHIPPED[name].license in card


def test_nothing_else_is_shipped():
    stems = {path.stem for path in catalogue.FOLDER.iterdir()}
    assert stems == set(SHIPPED)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A catalogue folder that may be damaged."""
    shutil.copytree(catalogue.FOLDER, tmp_path / "shipped")
    monkeypatch.setattr(catalogue, "FOLDER", tmp_path / "shipped")
    return tmp_path / "shipped"


def test_a_damaged_or_swapped_file_is_refused(folder):
    path = folder / "catdog-photos.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"shipped weights 'catdog-photos' have SHA-256 .*install cambench again"):
        load_classifier("catdog-photos")


def test_a_lost_file_is_named(folder):
    (folder / "catdog-photos.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"catdog-photos\.safetensors' not found"):
        load_classifier("catdog-photos")


def test_unknown_names_give_the_closest():
    with pytest.raises(WeightsError, match=r"unknown weights 'catdog-photo' \(did you mean 'catdog-photos'\?\)"):
        load_classifier("catdog-photo")


def test_a_file_of_that_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "catdog-photos").write_bytes(b"mine")
    with pytest.raises(WeightsError, match="truncated or no PyTorch checkpoint"):
        load_classifier("catdog-photos")
    (tmp_path / "catdog-photos").unlink()
    (tmp_path / "catdog-photos").mkdir()  # a folder of a run, say
    assert load_classifier("catdog-photos").checkpoint.name == "catdog-photos"


def test_the_alexnet_of_photographs_is_the_narrow_one(shared):
    source = shared / "weights" / "alexnet-narrow-catdog.pth"
    theirs, ours = (load_classifier(name).network.state_dict() for name in (source, "catdog-photos-alexnet"))
    assert theirs.keys() == ours.keys()
    assert all(torch.equal(tensor, ours[name]) for name, tensor in theirs.items())
    assert sha256_of(source) != SHIPPED["catdog-photos-alexnet"].sha256


def test_the_trunk_of_the_photograph_network_is_the_published_one(shared):
    theirs = load_file(shared / "weights" / "efficientnet-lite0-imagenet.safetensors")
    ours = load_file(shipped_path("catdog-photos"))
    assert theirs.keys() == ours.keys()
    assert {name for name in ours if not torch.equal(ours[name], theirs[name])} == {
        "classifier.weight",
        "classifier.bias",
    }


def test_the_photograph_network_knows_the_labs_pictures(shared):
    classifier = load_classifier("catdog-photos")
    records = DATASETS["files"](shared / "data" / "lab", None, False).records
    batch = next(load_batches(records, [range(len(records))], resize=224, crop=224, classes=classifier.classes))
    called = classifier(batch.images.float() / 255).argmax(1).tolist()
    assert dict(zip(batch.ids, called, strict=True)) == {"both.jpg": 1, "cat.jpg": 0, "dog.jpg": 1}
