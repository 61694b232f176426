"""Commands that meet classes other than cats and dogs: folders, drawn scenes, training, the lab."""

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch

from bench.cli import main
from bench.run.plan import known_architectures
from metrics import METRICS
from reports import Run
from reports.pages.lab import predictions
from reports.tables.validation import validation
from weights import load_classifier


@pytest.fixture
def refusal(kinds, tmp_path, capsys) -> Callable[..., str]:
    """The line with which a run of the three-class network ends."""
    net = kinds.weights(tmp_path / "net.pth", 3)

    def run(*words_: object) -> str:
        arguments = ["run", "--weights", net, *kinds.options, "--protocols", "none", *words_, "--out", tmp_path / "out"]
        assert main(list(map(str, arguments))) == 2
        return capsys.readouterr().err

    return run


def test_folders_of_classes_meet_the_network(kinds, refusal, tmp_path, capsys, read_manifest):
    """Folders in any case and number; a class without a folder is noted, a folder without a class refused."""
    random, root = np.random.default_rng(0), tmp_path / "photos"
    for number in range(6):
        kinds.picture(root / ("Birds", "golden_fish")[number % 2] / f"{number}.png", [number % 2 * 2], random)
    net = kinds.weights(tmp_path / "net.pth", 3)
    arguments = (
        "run",
        "--dataset",
        "folder",
        "--data-root",
        root,
        "--weights",
        net,
        *kinds.options,
        "--protocols",
        "none",
    )
    assert main(list(map(str, (*arguments, "--out", tmp_path / "few")))) == 0
    manifest = read_manifest(tmp_path / "few")
    assert manifest["dataset"]["labels"] == {"bird": 3, "golden fish": 3}
    assert any("no image shows frog: nothing is said of the class" in note for note in manifest["dataset"]["notes"])
    gaps = pd.read_csv(tmp_path / "few" / "tables" / "wrong_class.csv")
    called = {"called right", "called wrong", "by call"}  # strata that the network decides
    assert set(gaps["stratum"]) - called == {"balanced", "bird", "golden fish", "target bird", "target golden fish"}
    kinds.picture(root / "frgo" / "x.png", [1], random)
    said = refusal("--dataset", "folder", "--data-root", root)
    assert "frgo' is none of bird, frog, golden fish (did you mean 'frog'?)" in said
    assert "shows cat, dog, which are none of bird, frog, golden fish" in refusal("--dataset", "synthetic")


def test_drawn_scenes_and_a_network_that_knows_a_third_class(kinds, tmp_path):
    """Truths, their metrics and the validation table; what is drawn is cats and dogs, a bird is only called."""
    net = kinds.weights(tmp_path / "net.pth", 3)
    content = torch.load(net)
    torch.save({**content, "classes": ["dog", "bird", "cat"]}, net)
    ladder = "control_random,truth_25,truth_50,truth_75,truth"
    arguments = ("run", "--dataset", "synthetic", "--limit", 12, "--weights", net, "--methods", f"gradcam,{ladder}")
    words_ = (*arguments, *kinds.options, "--protocols", "none", "--no-report", "--out", tmp_path / "out")
    assert main(list(map(str, words_))) == 0
    scores = pd.read_parquet(tmp_path / "out" / "scores.parquet")
    needing = {name for name, metric in METRICS.items() if metric.needs_truth and not metric.needs_forward}
    assert needing & set(scores["metric"])
    assert "bird" not in set(scores["label"])
    assert len(validation(Run(tmp_path / "out")))


def test_a_network_of_three_classes_is_trained_on_three_folders(kinds, tmp_path, capsys):
    """And its checkpoint says the names, in the order that was asked for."""
    random, root = np.random.default_rng(0), tmp_path / "photos"
    for number in range(12):
        kinds.picture(root / ("Birds", "frog", "golden_fish")[number % 3] / f"{number}.png", [number % 3], random)
    train = (
        "train",
        "--dataset",
        "folder",
        "--data-root",
        root,
        "--arch",
        "kinds:small",
        "--epochs",
        1,
        "--workers",
        0,
    )
    names = ("frog", "golden fish", "bird")
    out = tmp_path / "net.safetensors"
    assert main(list(map(str, (*train, "--classes", ",".join(names), "--out", out)))) == 0
    assert load_classifier(out, arch="kinds:small", architectures=known_architectures("kinds:small")).classes == names
    capsys.readouterr()
    assert main(list(map(str, (*train, "--out", tmp_path / "other.safetensors")))) == 2
    assert "is neither cat nor dog; expected class folders cat and dog" in capsys.readouterr().err


def test_the_lab_looks_at_pictures_of_any_class(kinds, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.run.pipeline.render", lambda folder: folder)  # of the run in the lab
    random = np.random.default_rng(0)
    for name, shown in (("my_frog.png", [1]), ("a bird and a golden fish.png", [0, 2])):
        kinds.picture(tmp_path / name, shown, random)
    pictures = sorted(map(str, tmp_path.glob("*.png")))
    net = kinds.weights(tmp_path / "net.pth", 3)
    net.with_suffix(".toml").write_text("[preprocess]\nresize = 32\ncrop = 32\n")
    out = tmp_path / "lab"
    assert main(["lab", *pictures, "--weights", str(net), "--arch", "kinds:small", "--out", str(out)]) == 0
    rows = {row["name"]: row["label"] for row in predictions(Run(out / "run"))}
    assert rows == {"a bird and a golden fish.png": "bird+golden fish", "my_frog.png": "frog"}
    page = re.sub(r"[A-Za-z0-9+/=]{60,}", "", (out / "lab.html").read_text(encoding="utf-8"))
    assert all(f"p({name})" in page for name in kinds.names[:3])
    assert not re.search(r"(?i)\b(cats?|dogs?)\b", page)
