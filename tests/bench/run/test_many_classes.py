"""Runs of three and of five classes, none of them a cat or a dog, to the page; see kinds in conftest.py."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from bench.cli import main
from metrics import METRICS


@pytest.fixture(scope="module", params=[3, 5])
def scored(request, kinds) -> tuple[int, Path]:
    """A run of so many classes with every metric but those of drawn scenes, and the report that a command draws."""
    folder, count = kinds.room / f"data{request.param}", request.param
    folder.mkdir()
    data, net = kinds.listing(folder, count), kinds.weights(kinds.room / f"net{count}.pth", count)
    out = kinds.room / f"run{count}"
    command = (
        "run",
        "--dataset",
        "csv",
        "--data-root",
        data,
        "--weights",
        net,
        "--targets",
        "right,wrong",
        "--metrics",
        "all",
        "--protocols",
        "rise,srg,road",
        *kinds.options,
    )
    assert main([str(word) for word in (*command, "--no-report", "--out", out)]) == 0
    assert main(["report", str(out)]) == 0
    return count, out


def words(html: str) -> str:
    """What a reader sees of a page, and the names in its gallery, without pictures and maps."""
    return re.sub(r"[A-Za-z0-9+/=]{60,}", "", html)


def test_roles_are_those_of_the_rivals(scored, kinds):
    count, out = scored
    scores, images = pd.read_parquet(out / "scores.parquet"), pd.read_parquet(out / "images.parquet")
    chances = images.set_index("image_id")["probability"]
    several = {"bird+frog", "frog+golden fish" if count == 3 else "bee+frog", "bird+frog+golden fish"}
    assert set(scores["label"]) == {*kinds.names[:count]} | several
    roles = scores[["image_id", "label", "target", "role"]].drop_duplicates()
    for (image, label), group in roles.groupby(["image_id", "label"], observed=True):
        shown = label.split("+")
        found = dict(zip(group["target"], group["role"], strict=True))
        if len(shown) > 1:
            assert found == dict.fromkeys(shown, "present")
            continue
        others = {name: p for name, p in zip(kinds.names[:count], chances[image], strict=True) if name != label}
        assert found == {label: "right", max(others, key=others.get): "wrong"}
    assert len({target for target, role in zip(roles["target"], roles["role"], strict=True) if role == "wrong"}) > 1


def test_every_metric_has_values(scored, kinds):
    _, out = scored
    scores = pd.read_parquet(out / "scores.parquet").dropna(subset="value")
    assert set(scores["metric"]) == {name for name, metric in METRICS.items() if not metric.needs_truth}


CALLS = {"called right", "called wrong", "by call"}  # strata that the network decides


def test_no_table_is_empty_and_strata_are_the_classes(scored, kinds):
    count, out = scored
    tables = {path.stem: pd.read_csv(path) for path in (out / "tables").glob("*.csv")}
    assert set(tables) == {
        "summary", "comparison", "wrong_class", "scatter_gap", "strata", "ranks", "reliability", "metric_correlation",
        "controls", "ranking", "sanity", "substrates",
    }  # fmt: skip
    assert all(len(table) for table in tables.values())
    targets = {f"target {name}" for name in kinds.names[:count]}
    assert set(tables["wrong_class"]["stratum"]) - CALLS == {"balanced", *kinds.names[:count], *targets}
    assert {"balanced", *kinds.names[:count]} <= set(tables["strata"]["stratum"])


def test_the_balanced_gap_gives_every_class_the_same_weight(scored, kinds):
    count, out = scored
    scores, gaps = pd.read_parquet(out / "scores.parquet"), pd.read_csv(out / "tables" / "wrong_class.csv")
    own = scores[
        scores["metric"].eq("effective_area") & scores["method"].eq("layercam") & scores["layer"].eq("features.3")
    ]
    wide = own[own["label"].isin(kinds.names)].pivot(index=["image_id", "label"], columns="role", values="value")
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


def test_every_figure_is_there(scored, kinds):
    _, out = scored
    names = {path.stem for path in (out / "figures").glob("*.png")}
    curves = {f"curves_{protocol}_{role}" for protocol in ("rise", "srg") for role in ("right", "wrong", "present")}
    spread = {f"distribution_{metric.family}" for metric in METRICS.values() if not metric.needs_truth}
    assert (
        curves | spread | {"scatter_right_wrong", "differences_gradcam_layercam", "metric_correlation", "stages"}
        <= names
    ), names
    assert sum(name.startswith("overlays_") for name in names) == 3


def test_the_page_and_its_gallery_name_the_classes_and_no_others(scored, kinds):
    count, out = scored
    html = (out / "report.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="gallery-data">(.*?)</script>', html, re.DOTALL)[1])
    assert data["classes"] == list(kinds.names[:count])
    labels = pd.read_parquet(out / "images.parquet").set_index("image_id")["label"]
    for image in data["images"]:
        shown = {k for k, role in image["roles"].items() if role != "wrong"}
        assert {kinds.names[int(k)] for k in shown} == set(labels[image["id"]].split("+"))
        assert len(image["roles"]) == max(len(shown), 2)
        mapped = {key.rpartition("|")[2] for key in image["maps"]}
        assert mapped == (set(map(str, range(count))) if count == 3 else set(image["roles"]))
        assert {key.rpartition("|")[2] for key in image["scores"]} == set(image["roles"])
    text = words(html)
    assert f"chance is {100 / count:.1f} %" in text
    assert not re.search(r"(?i)\b(cats?|dogs?)\b", text)
    assert all(name in text for name in kinds.names[:count])
    for path in (out / "tables").iterdir():
        assert not re.search(r"(?i)\b(cats?|dogs?)\b", path.read_text(encoding="utf-8")), path


def test_commands_over_several_runs_take_any_classes(scored, tmp_path):
    _, out = scored
    again = shutil.copytree(out, tmp_path / "again")
    assert main(["compare", str(out), str(again)]) == 0
    assert main(["across", str(out), str(again), "--out", str(tmp_path / "across")]) == 0
    assert len(pd.read_csv(tmp_path / "across" / "across.csv"))
