"""`cambench train` on drawn scenes: small, because a real training is no test."""

import pytest
import safetensors
import torch

from bench.cli import main
from bench.training import train as training
from weights import load_classifier

SMALL = (
    "--dataset",
    "synthetic",
    "--split",
    "one",
    "--limit",
    "40",
    "--batch-size",
    "8",
    "--resize",
    "112",
    "--crop",
    "112",
    "--workers",
    "0",
)


def words(out, *more: str) -> list[str]:
    return ["train", *SMALL, "--weights", "catdog-photos-alexnet", "--epochs", "2", "--out", str(out), *more]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("train") / "mine.safetensors"
    assert main(words(out)) == 0
    return out


def test_the_checkpoint_says_what_it_is_and_loads(trained):
    checkpoint = load_classifier(trained).checkpoint
    assert (checkpoint.arch, checkpoint.classes, checkpoint.notes) == ("alexnet_narrow", ("cat", "dog"), ())
    with safetensors.safe_open(trained, "pt") as file:
        about = file.metadata()
    assert about["data"] == "synthetic, one: 36 images"
    assert about["accuracy"].endswith("on 4 images not trained on")
    assert len(about["data_fingerprint"]) == 64
    assert "2 epochs from catdog-photos-alexnet" in about["training"]
    card = trained.with_suffix(".md").read_text()
    assert card.startswith("# mine\n")
    assert about["accuracy"] in card
    assert sorted(path.name for path in trained.parent.iterdir()) == ["mine.md", "mine.safetensors"]


def test_an_interrupted_training_ends_the_same(trained, tmp_path, monkeypatch, capsys):
    out = tmp_path / "mine.safetensors"
    original = training.Trainer.run_epoch

    def interrupted(self, *arguments):
        if self.history:
            raise KeyboardInterrupt
        return original(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(training.Trainer, "run_epoch", interrupted)
        assert main(words(out)) == 130
    assert [path.name for path in tmp_path.iterdir()] == ["mine.state.pt"]
    capsys.readouterr()
    assert main(words(out)) == 0
    assert "epoch 1/2" not in capsys.readouterr().out
    ours, theirs = (load_classifier(path).network.state_dict() for path in (out, trained))
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "mine.state.pt' cannot be read; remove it to begin again"),
        (b"PK", "mine.state.pt' cannot be read; remove it to begin again"),
        (
            None,
            "mine.state.pt' is of another training, or of other code, versions or threads; remove it to begin again",
        ),
    ],
)
def test_a_state_that_does_not_fit_is_refused(tmp_path, capsys, content, said):
    path = tmp_path / "mine.state.pt"
    if content is None:
        torch.save({"identity": "other", "state": {}}, path)
    else:
        path.write_bytes(content)
    assert main(words(tmp_path / "mine.safetensors")) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--out", "net.pth"), "out is 'net.pth', expected a file ending in .safetensors"),
        (("--split", "two"), "split is 'two', expected train, train-single, truth, one"),
        (("--limit", "2"), "2 images to train on and 0 to test on"),
        (("--split", "both"), "0 images to train on"),
        (("--epochs", "0"), "epochs is '0', expected a whole number of at least 1"),
        (("--rate", "fast"), "rate is 'fast', expected a number above 0"),
        (("--weights", "catdog-photo"), "unknown weights 'catdog-photo' (did you mean 'catdog-photos'?)"),
    ],
)
def test_bad_input_is_one_line(tmp_path, capsys, more, said):
    assert main(words(tmp_path / "mine.safetensors", *more)) == 2
    captured = capsys.readouterr().err
    assert said in captured
    assert captured.count("\n") == 1


def test_unknown_architecture_and_a_file_that_exists(trained, tmp_path, capsys):
    assert main(["train", *SMALL, "--arch", "alexnett", "--out", str(tmp_path / "a.safetensors")]) == 2
    assert "did you mean 'alexnet'" in capsys.readouterr().err
    assert main(words(trained)) == 2
    assert "exists already; choose another --out" in capsys.readouterr().err


def test_an_architecture_of_ones_own(tmp_path, monkeypatch):
    (tmp_path / "ownnet.py").write_text(
        "from torch import nn\nfrom weights import Architecture\n"
        "def build(n):\n"
        "    return nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, n))\n"
        "tiny = Architecture(build, '0', 'two layers')\n"
    )
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "own.safetensors"
    assert main(["train", *SMALL, "--arch", "ownnet:tiny", "--epochs", "1", "--out", str(out)]) == 0
    with safetensors.safe_open(out, "pt") as file:
        assert file.metadata()["arch"] == "ownnet:tiny"
        assert file.get_tensor("0.weight").shape == (2, 3, 3, 3)


def test_images_of_neither_animal_are_not_scored(tmp_path, capsys):
    words = ["run", "--dataset", "synthetic", "--split", "train", "--weights", "catdog-photos-alexnet"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 2
    assert "split 'train' has images of no class" in capsys.readouterr().err


def test_a_second_training_on_the_same_file_is_refused(tmp_path, capsys, monkeypatch):
    out = tmp_path / "mine.safetensors"
    original, codes = training.Trainer.run_epoch, []

    def twice(self, *arguments):
        if not codes:
            codes.append(main(words(out)))
        return original(self, *arguments)

    monkeypatch.setattr(training.Trainer, "run_epoch", twice)
    assert main(words(out)) == 0
    assert codes == [2]
    assert f"another training is writing '{out}'; wait until it ends" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.md", "mine.safetensors"]


def test_files_of_others_beside_the_checkpoint_stay(tmp_path, capsys):
    (tmp_path / "mine.md").write_text("my notes")
    assert main(words(tmp_path / "mine.safetensors")) == 2
    assert "mine.md' exists already; choose another --out" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.md"]
    assert (tmp_path / "mine.md").read_text() == "my notes"


def test_training_by_other_code_or_threads_does_not_go_on(trained, tmp_path, capsys, monkeypatch):
    out = tmp_path / "mine.safetensors"

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "_write", interrupted)
        assert main(words(out)) == 130
    with monkeypatch.context() as patch:
        patch.setattr(training, "code_hash", lambda _: "other")
        assert main(words(out)) == 2
    assert "of other code, versions or threads" in capsys.readouterr().err
    assert main(words(out)) == 0
    assert out.read_bytes() == trained.read_bytes()
