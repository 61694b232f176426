import json

import numpy as np
import pandas as pd
import pytest

from bench.nights.words import cause
from reports import ReportError, Run
from reports.tables.two_runs import (
    IncomparableError,
    check_comparable,
    quality_changes,
    speed_changes,
    surroundings,
    untold,
)


@pytest.fixture
def two(write_run, tmp_path):
    """Two runs with the same content."""
    return [write_run(tmp_path / name, layers=("features.11", "features.12")) for name in ("a", "b")]


def said(two) -> str:
    first, second = map(Run, two)
    return cause(first, second, surroundings(first, second))


def edit_scores(folder, change) -> None:
    path = folder / "scores.parquet"
    change(pd.read_parquet(path)).to_parquet(path)


def edit_manifest(folder, change) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def of(changes: pd.DataFrame, method: str, metric: str, role: str = "right", layer: str = "features.11") -> pd.Series:
    return changes.set_index(["method", "layer", "role", "metric"]).loc[(method, layer, role, metric)]


def test_equal_runs_differ_by_nothing_in_anything(two):
    changes = quality_changes(*map(Run, two))
    assert len(changes) == 2 * 2 * (2 * 5 + 2) + 1  # methods, layers, roles and metrics, two gaps; the accuracy
    assert (changes["mean_difference"] == 0).all()
    assert (changes["n"] == 8).all()
    assert surroundings(*map(Run, two)).empty
    assert speed_changes(*map(Run, two)).empty


def test_a_shift_is_that_of_the_method_and_metric_that_has_it(two):
    def lower(scores: pd.DataFrame) -> pd.DataFrame:
        chosen = scores["method"].eq("gradcam") & scores["metric"].eq("srg_probability") & scores["role"].eq("right")
        return scores.assign(value=scores["value"] - 0.125 * chosen)

    edit_scores(two[1], lower)
    changes = quality_changes(*map(Run, two))
    row = of(changes, "gradcam", "srg_probability")
    assert row["mean_difference"] == pytest.approx(-0.125)
    assert np.isnan(row["ci_low"])  # every image alike: nothing tells how far another one may lie
    assert row["mean_b"] == pytest.approx(row["mean_a"] - 0.125)
    assert row["direction"] == "higher"
    assert (changes["mean_difference"].abs() > 1e-9).sum() == 2  # at both layers


def test_pairs_are_images_and_undefined_values_are_counted(two):
    def lose(scores: pd.DataFrame) -> pd.DataFrame:
        gone = scores["image_id"].isin(["0.jpg", "1.jpg"]) & scores["metric"].eq("energy_in_mask")
        return scores.assign(value=scores["value"].mask(gone)).sample(frac=1, random_state=0)

    edit_scores(two[1], lose)
    row = of(quality_changes(*map(Run, two)), "layercam", "energy_in_mask")
    assert (row["n"], row["n_undefined_a"], row["n_undefined_b"]) == (6, 0, 2)
    assert row["mean_difference"] == 0


def test_a_method_that_is_gone_is_undefined_everywhere(two, write_run, tmp_path):
    alone = write_run(tmp_path / "c", methods=("gradcam",), layers=("features.11", "features.12"))
    row = of(quality_changes(Run(two[0]), Run(alone)), "layercam", "srg_probability")
    assert (row["n"], row["n_undefined_a"], row["n_undefined_b"]) == (0, 0, 8)
    assert np.isnan(row["mean_difference"])


def test_other_data_or_protocols_are_refused_with_the_fields(two):
    edit_manifest(two[1], lambda m: m["protocols"]["srg"].update(steps=16))
    with pytest.raises(ReportError, match=r"cannot be compared, they differ in protocol srg, steps: 4 before, 16 now$"):
        check_comparable(*map(Run, two))
    edit_manifest(two[1], lambda m: (m["protocols"].clear(), m["dataset"].update(fingerprint="f")))
    names = "contents of the images: the same 8 names, but other pictures, labels or annotations"
    said = rf"differ in {names}; protocol srg: scored before, not now$"
    with pytest.raises(ReportError, match=said):
        check_comparable(*map(Run, two))


def test_model_code_and_machine_are_told_apart(two):
    def change(manifest: dict) -> None:
        manifest["checkpoint"]["sha256"] = "abc"
        manifest["git"] = {"revision": "r2", "dirty": False}
        manifest["code"] = "b" * 64
        manifest["device"] = {"type": "cpu", "threads": 4}
        manifest["versions"] = {"torch": "2.99", "cambench": "0.1.0"}

    edit_manifest(two[1], change)
    rows = surroundings(*map(Run, two)).set_index("field")["what"].to_dict()
    assert rows == {
        "weights sha256": "model", "revision": "code", "changed files": "code", "cambench": "code",
        "source": "code",
        "type": "machine", "threads": "machine", "torch": "machine",
    }  # fmt: skip


def test_what_a_manifest_does_not_tell_is_not_said_to_be_unchanged(two):
    told = {"code": "c" * 64, "versions": {"torch": "2"}, "device": {"name": "cpu"}}
    edit_manifest(two[0], lambda manifest: (manifest.update(told), manifest["checkpoint"].update(sha256="a")))
    assert untold(*map(Run, two)) == ["weights", "code", "versions", "device"]
    assert said(two) == "not recorded by both runs, so unknown: weights, code, versions, device"
    edit_manifest(two[1], lambda manifest: (manifest.update(told), manifest["checkpoint"].update(sha256="a")))
    assert said(two) == "nothing else changed"
    edit_manifest(two[1], lambda manifest: manifest.pop("code"))
    assert "so unknown: code" in said(two)
    edit_manifest(two[1], lambda manifest: manifest.update(code="d" * 64))  # the same revision, edited since
    assert said(two) == "the code changed"


def test_speeds_are_ratios_with_the_error_of_their_median(two):
    for folder, seconds in zip(two, (2.0, 3.0), strict=True):
        info = {"stage": "maps", "method": "gradcam", "batch": 32, "images": 32, "peak_memory_mb": 1}
        times = [seconds - 0.1, seconds, seconds + 0.1, seconds]
        entry = {"extra_info": {**info, "reference_seconds": [1.0] * 4}, "stats": {"data": times}}
        (folder / "latency.json").write_text(json.dumps({"benchmarks": [entry]}))
    row = speed_changes(*map(Run, two)).iloc[0]
    assert row["benchmark"] == "maps method=gradcam batch=32"
    assert (row["ratio_a"], row["ratio_b"], row["relative_change"]) == pytest.approx((2, 3, 0.5))
    assert row["error_b"] == pytest.approx(1.2533 * 1.4826 * 0.05 / 2)


def test_what_differs_in_the_images_is_said_in_words(two, write_run, tmp_path):
    labels = {f"{i}.jpg": ("cat", "dog")[i % 2] for i in range(13)}
    more = write_run(tmp_path / "more", labels, layers=("features.11", "features.12"))
    edit_manifest(two[0], lambda m: m["dataset"].update(fingerprint="e", n=8, labels={"cat": 4, "dog": 4}))
    edit_manifest(more, lambda m: m["dataset"].update(fingerprint="f", n=13, labels={"cat": 7, "dog": 6}))
    with pytest.raises(IncomparableError) as error:
        check_comparable(Run(two[0]), Run(more))
    assert error.value.reasons == (
        "images: 8 before, 13 now",
        "images per label: 4 cat, 4 dog before, 7 cat, 6 dog now",
        "new: '10.jpg', '11.jpg', '12.jpg' and 2 more",
    )


def test_another_class_order_and_lost_methods_are_said_in_words(two):
    edit_manifest(two[1], lambda m: m["checkpoint"].update(classes=["dog", "cat"]))
    edit_manifest(two[1], lambda m: m["methods"].pop("layercam"))
    with pytest.raises(IncomparableError) as error:
        check_comparable(*map(Run, two), whole=True)
    assert error.value.reasons == ("class order: cat, dog before, dog, cat now", "methods: layercam before, not now")
    with pytest.raises(IncomparableError) as error:
        check_comparable(*map(Run, two))
    assert len(error.value.reasons) == 1


def test_a_network_that_calls_everything_a_cat_loses_accuracy(two):
    edit_scores(two[0], lambda scores: scores.assign(predicted=scores["label"]))
    row = of(quality_changes(*map(Run, two)), "network", "accuracy", layer="logits")
    assert (row["n"], row["mean_a"], row["mean_b"], row["direction"]) == (8, 1.0, 0.5, "higher")


def test_other_images_undefined_are_lost_although_their_number_is_the_same(two):
    def lose(place: int) -> None:
        gone = f"{place}.jpg"
        edit_scores(two[place], lambda s: s.assign(value=s["value"].mask(s["image_id"].eq(gone))))

    lose(0)
    lose(1)
    row = of(quality_changes(*map(Run, two)), "gradcam", "energy_in_mask")
    assert (row["n"], row["n_undefined_a"], row["n_undefined_b"], row["n_lost"]) == (6, 1, 1, 1)
