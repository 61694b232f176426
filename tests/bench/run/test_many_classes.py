"""Runs of three and of five classes, none of them a cat or a dog, from class folders and lists to the page."""

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from bench.cli import main
from metrics import METRICS

NAMES = ("bird", "frog", "golden fish", "ant", "bee")
COLOURS = ((220, 40, 40), (40, 200, 40), (40, 60, 220), (220, 220, 40), (200, 40, 200))
SIDE, EACH = 36, 3
NETWORK = """
from torch import nn
from weights import Architecture

class Small(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 12, 3, 2, 1), nn.ReLU(), nn.Conv2d(12, 8, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(8, classes)

    def forward(self, images):
        return self.head(self.pool(self.features(images)))

small = Architecture(Small, "features.3", "")
"""
OPTIONS = ("--arch", "kinds:small", "--resize", "32", "--crop", "32", "--steps", "2", "--workers", "0")


@pytest.fixture(scope="module")
def room(tmp_path_factory) -> Path:
    """A folder with the user's module, which commands can import."""
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "kinds.py").write_text(NETWORK, encoding="utf-8")
    sys.path.insert(0, str(folder))
    return folder


def picture(path: Path, shown: list[int], random: np.random.Generator) -> list[tuple[int, int, int, int]]:
    """Blobs of the classes' colours on grey noise; the boxes of the blobs."""
    pixels = random.integers(90, 160, (SIDE, SIDE, 3))
    boxes = []
    for place, kind in enumerate(shown):
        left, top = 1 + place * 12 + int(random.integers(0, 3)), int(random.integers(2, 20))
        pixels[top : top + 10, left : left + 9] = COLOURS[kind]
        boxes.append((left, top, left + 9, top + 10))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return boxes


def listing(folder: Path, count: int) -> Path:
    """Images of one class with masks and head boxes, of two and of three with boxes, as a CSV file."""
    random, rows = np.random.default_rng(count), ["path,label,mask,boxes"]
    shows = [[kind] for kind in range(count) for _ in range(EACH)] + [[0, 1], [1, count - 1], [0, 1, 2]]
    for number, shown in enumerate(shows):
        name = f"{number:02}.png"
        boxes = picture(folder / name, shown, random)
        texts = [f"{NAMES[kind]} head {' '.join(map(str, box))}" for kind, box in zip(shown, boxes, strict=True)]
        mask = ""
        if len(shown) == 1:
            mask, (left, top, right, bottom) = f"mask{name}", boxes[0]
            values = np.zeros((SIDE, SIDE), dtype=np.uint8)
            values[top:bottom, left:right] = 1
            Image.fromarray(values).save(folder / mask)
        else:
            texts += [text.replace(" head ", " animal ") for text in texts]
        label = " + ".join(NAMES[kind].upper() for kind in reversed(shown))
        rows.append(f"{name},{label},{mask},{';'.join(texts)}")
    (folder / "list.csv").write_text("\n".join(rows) + "\n")
    return folder / "list.csv"


def weights(path: Path, count: int) -> Path:
    generator = torch.Generator().manual_seed(3)
    shapes = {"features.0": (12, 3, 3, 3), "features.2": (8, 12, 3, 3), "head": (count, 8)}
    tensors = {f"{name}.weight": torch.randn(shape, generator=generator) * 0.3 for name, shape in shapes.items()}
    tensors |= {f"{name}.bias": torch.randn(shape[0], generator=generator) * 0.1 for name, shape in shapes.items()}
    torch.save({"state_dict": tensors, "classes": list(NAMES[:count])}, path)
    return path


@pytest.fixture(scope="module", params=[3, 5])
def scored(request, room) -> tuple[int, Path]:
    """A run of so many classes with every metric but those of drawn scenes."""
    folder, count = room / f"data{request.param}", request.param
    folder.mkdir()
    data, net = listing(folder, count), weights(room / f"net{count}.pth", count)
    out = room / f"run{count}"
    command = ("run", "--dataset", "csv", "--data-root", data, "--weights", net, "--targets", "right,wrong", *OPTIONS)
    assert main([str(word) for word in (*command, "--out", out)]) == 0
    return count, out


def words(html: str) -> str:
    """What a reader sees of a page, and the names in its gallery, without pictures and maps."""
    return re.sub(r"[A-Za-z0-9+/=]{60,}", "", html)


def test_roles_are_those_of_the_rivals(scored):
    count, out = scored
    scores, images = pd.read_parquet(out / "scores.parquet"), pd.read_parquet(out / "images.parquet")
    chances = images.set_index("image_id")["probability"]
    several = {"bird+frog", "frog+golden fish" if count == 3 else "bee+frog", "bird+frog+golden fish"}
    assert set(scores["label"]) == {*NAMES[:count]} | several
    roles = scores[["image_id", "label", "target", "role"]].drop_duplicates()
    for (image, label), group in roles.groupby(["image_id", "label"], observed=True):
        shown = label.split("+")
        found = dict(zip(group["target"], group["role"], strict=True))
        if len(shown) > 1:
            assert found == dict.fromkeys(shown, "present")
            continue
        others = {name: p for name, p in zip(NAMES[:count], chances[image], strict=True) if name != label}
        assert found == {label: "right", max(others, key=others.get): "wrong"}
    assert len({target for target, role in zip(roles["target"], roles["role"], strict=True) if role == "wrong"}) > 1


def test_every_metric_has_values(scored):
    _, out = scored
    scores = pd.read_parquet(out / "scores.parquet").dropna(subset="value")
    assert set(scores["metric"]) == {name for name, metric in METRICS.items() if not metric.needs_truth}


CALLS = {"called right", "called wrong", "by call"}  # strata that the network decides


def test_no_table_is_empty_and_strata_are_the_classes(scored):
    count, out = scored
    tables = {path.stem: pd.read_csv(path) for path in (out / "tables").glob("*.csv")}
    assert set(tables) == {
        "summary", "comparison", "wrong_class", "scatter_gap", "strata", "ranks", "reliability", "metric_correlation",
        "controls",
    }  # fmt: skip
    assert all(len(table) for table in tables.values())
    targets = {f"target {name}" for name in NAMES[:count]}
    assert set(tables["wrong_class"]["stratum"]) - CALLS == {"balanced", *NAMES[:count], *targets}
    assert {"balanced", *NAMES[:count]} <= set(tables["strata"]["stratum"])


def test_the_balanced_gap_gives_every_class_the_same_weight(scored):
    count, out = scored
    scores, gaps = pd.read_parquet(out / "scores.parquet"), pd.read_csv(out / "tables" / "wrong_class.csv")
    own = scores[
        scores["metric"].eq("effective_area") & scores["method"].eq("layercam") & scores["layer"].eq("features.3")
    ]
    wide = own[own["label"].isin(NAMES)].pivot(index=["image_id", "label"], columns="role", values="value")
    by_label = (wide["wrong"] - wide["right"]).dropna().groupby("label", observed=True).mean()
    assert len(by_label) == count
    gaps = gaps[gaps["statistic"].eq("effective_area")]
    row = gaps[gaps["method"].eq("layercam") & gaps["layer"].eq("features.3")].set_index("stratum")
    assert row.loc["balanced", "gap"] == pytest.approx(by_label.mean(), abs=1e-6)
    assert row.loc["frog", "gap"] == pytest.approx(by_label["frog"], abs=1e-6)
    wrong = own[own["target"].eq("frog") & own["role"].eq("wrong")]["value"].dropna()
    right = own[own["target"].eq("frog") & own["role"].eq("right")]["value"].dropna()
    assert row.loc["target frog", "n"] == len(wrong) + len(right)
    if len(wrong):
        assert row.loc["target frog", "gap"] == pytest.approx(wrong.mean() - right.mean(), abs=1e-6)


def test_every_figure_is_there(scored):
    _, out = scored
    names = {path.stem for path in (out / "figures").glob("*.png")}
    curves = {f"curves_{protocol}_{role}" for protocol in ("rise", "srg") for role in ("right", "wrong", "present")}
    spread = {f"distribution_{metric.family}" for metric in METRICS.values() if not metric.needs_truth}
    assert curves | spread | {"scatter_right_wrong", "correlation", "stages"} <= names, names
    assert sum(name.startswith("overlays_") for name in names) == 3


def test_the_page_and_its_gallery_name_the_classes_and_no_others(scored):
    count, out = scored
    html = (out / "report.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="gallery-data">(.*?)</script>', html, re.DOTALL)[1])
    assert data["classes"] == list(NAMES[:count])
    labels = pd.read_parquet(out / "images.parquet").set_index("image_id")["label"]
    for image in data["images"]:
        shown = {k for k, role in image["roles"].items() if role != "wrong"}
        assert {NAMES[int(k)] for k in shown} == set(labels[image["id"]].split("+"))
        assert len(image["roles"]) == max(len(shown), 2)
        mapped = {key.rpartition("|")[2] for key in image["maps"]}
        assert mapped == (set(map(str, range(count))) if count == 3 else set(image["roles"]))
        assert {key.rpartition("|")[2] for key in image["scores"]} == set(image["roles"])
    text = words(html)
    assert f"(chance {100 / count:.1f} %)" in text
    assert not re.search(r"(?i)\b(cats?|dogs?)\b", text)
    assert all(name in text for name in NAMES[:count])
    for path in (out / "tables").iterdir():
        assert not re.search(r"(?i)\b(cats?|dogs?)\b", path.read_text(encoding="utf-8")), path


def test_commands_over_several_runs_take_any_classes(scored, tmp_path):
    _, out = scored
    again = shutil.copytree(out, tmp_path / "again")
    assert main(["report", str(again)]) == 0
    assert main(["compare", str(out), str(again)]) == 0
    assert main(["across", str(out), str(again), "--out", str(tmp_path / "across")]) == 0
    assert len(pd.read_csv(tmp_path / "across" / "across.csv"))


@pytest.fixture
def refusal(room, tmp_path, capsys) -> Callable[..., str]:
    """The line with which a run of the three-class network ends."""
    net = weights(tmp_path / "net.pth", 3)

    def run(*words_: object) -> str:
        arguments = ["run", "--weights", net, *OPTIONS, "--protocols", "none", *words_, "--out", tmp_path / "out"]
        assert main(list(map(str, arguments))) == 2
        return capsys.readouterr().err

    return run


def test_folders_of_classes_meet_the_network(room, refusal, tmp_path, capsys, read_manifest):
    """Folders in any case and number; a class without a folder is noted, a folder without a class refused."""
    random, root = np.random.default_rng(0), tmp_path / "photos"
    for number in range(6):
        picture(root / ("Birds", "golden_fish")[number % 2] / f"{number}.png", [number % 2 * 2], random)
    net = weights(tmp_path / "net.pth", 3)
    arguments = ("run", "--dataset", "folder", "--data-root", root, "--weights", net, *OPTIONS, "--protocols", "none")
    assert main(list(map(str, (*arguments, "--out", tmp_path / "few")))) == 0
    manifest = read_manifest(tmp_path / "few")
    assert manifest["dataset"]["labels"] == {"bird": 3, "golden fish": 3}
    assert any("no image shows frog: nothing is said of the class" in note for note in manifest["dataset"]["notes"])
    gaps = pd.read_csv(tmp_path / "few" / "tables" / "wrong_class.csv")
    assert set(gaps["stratum"]) - CALLS == {"balanced", "bird", "golden fish", "target bird", "target golden fish"}
    picture(root / "frgo" / "x.png", [1], random)
    said = refusal("--dataset", "folder", "--data-root", root)
    assert "frgo' is none of bird, frog, golden fish (did you mean 'frog'?)" in said
    assert "shows cat, dog, which are none of bird, frog, golden fish" in refusal("--dataset", "synthetic")


def test_drawn_scenes_and_a_network_that_knows_a_third_class(room, tmp_path):
    """Truths, their metrics and the validation table; what is drawn is cats and dogs, a bird is only called."""
    net = weights(tmp_path / "net.pth", 3)
    content = torch.load(net)
    torch.save({**content, "classes": ["dog", "bird", "cat"]}, net)
    ladder = "control_random,truth_25,truth_50,truth_75,truth"
    arguments = ("run", "--dataset", "synthetic", "--limit", 12, "--weights", net, "--methods", f"gradcam,{ladder}")
    words_ = (*arguments, *OPTIONS, "--protocols", "none", "--out", tmp_path / "out")
    assert main(list(map(str, words_))) == 0
    scores = pd.read_parquet(tmp_path / "out" / "scores.parquet")
    needing = {name for name, metric in METRICS.items() if metric.needs_truth and not metric.needs_forward}
    assert needing & set(scores["metric"])
    assert "bird" not in set(scores["label"])
    assert len(pd.read_csv(tmp_path / "out" / "tables" / "validation.csv"))
