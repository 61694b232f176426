import json

import pandas as pd
import pytest

from reports import Run, render, tables_of
from reports.tables.comparison import comparison
from reports.tables.dispersion import wrong_class
from reports.tables.findings import findings
from reports.tables.smoothness import smoothness, smoothness_text
from reports.tables.summary import summary

METRIC = "srg_probability"
SMOOTHED = {f"smoothed_{sigma:g}_{name}": (name, sigma) for name in ("gradcam", "layercam") for sigma in (1.0, 2.0)}


@pytest.fixture
def smoothed_run(make_run):
    """Twelve images; Grad-CAM has 0.6, 0.5, 0.4 at sigma 0, 1, 2 and LayerCAM what the test says, with a ripple."""

    def make(layercam: tuple[float, float, float]) -> Run:
        folder = make_run({f"{i}.jpg": ("cat", "dog")[i % 2] for i in range(12)}, ("gradcam", "layercam", *SMOOTHED))
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["methods"] = {name: entry for name, entry in manifest["methods"].items() if name not in SMOOTHED}
        manifest["smoothed"] = {name: {"method": of, "sigma": sigma} for name, (of, sigma) in SMOOTHED.items()}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        levels = {"gradcam": 0.6, "smoothed_1_gradcam": 0.5, "smoothed_2_gradcam": 0.4}
        levels |= dict(zip(("layercam", "smoothed_1_layercam", "smoothed_2_layercam"), layercam, strict=True))
        scores = pd.read_parquet(folder / "scores.parquet")
        number = scores["image_id"].str.removesuffix(".jpg").astype(int)
        ripple = number.map(lambda i: 0.01 * (i % 4 - 1.5)) * scores["method"].str.endswith("layercam")
        scores["value"] = scores["value"].where(scores["metric"].ne(METRIC), scores["method"].map(levels) + ripple)
        for name in ("curves", "localisation"):
            path = folder / f"{name}.parquet"
            if path.exists():
                frame = pd.read_parquet(path)
                frame[~frame["method"].isin(SMOOTHED)].to_parquet(path)
        scores.to_parquet(folder / "scores.parquet")
        return Run(folder)

    return make


def rows(run: Run) -> tuple[pd.DataFrame, pd.DataFrame]:
    return tuple(table[table["metric"].eq(METRIC) & table["role"].eq("right")] for table in smoothness(run))


def test_every_method_at_every_sigma_and_its_best(smoothed_run):
    means, pairs = rows(smoothed_run((0.3, 0.59, 0.5)))
    found = means.set_index(["method", "sigma"])
    assert found["mean"].round(6).to_dict() == {
        ("gradcam", 0.0): 0.6, ("gradcam", 1.0): 0.5, ("gradcam", 2.0): 0.4,
        ("layercam", 0.0): 0.3, ("layercam", 1.0): 0.59, ("layercam", 2.0): 0.5,
    }  # fmt: skip
    assert list(found.index[found["best"].eq("yes")]) == [("gradcam", 0.0), ("layercam", 1.0)]
    assert (found["n"] == 12).all()
    assert pairs[["sigma_a", "sigma_b"]].to_numpy().tolist() == [[0.0, 0.0], [0.0, 1.0]]
    assert pairs["mean_difference"].round(6).tolist() == [0.3, 0.01]


@pytest.mark.parametrize(
    ("layercam", "said"),
    [
        ((0.3, 0.5, 0.4), "Gradcam leads by more than smoothness: Gradcam minus Layercam in SRG is 0.100"),
        ((0.3, 0.6, 0.5), "The lead of Gradcam may be smoothness: Gradcam minus Layercam in SRG is"),
        ((0.3, 0.9, 0.5), "Layercam leads once both are smoothed, Gradcam as they are"),
        ((0.6, 0.9, 0.5), "Layercam leads once both are smoothed: Gradcam minus"),
        ((0.6, 0.5, 0.5), "Smoothing shows no difference either"),
    ],
)
def test_what_is_left_of_a_lead(smoothed_run, layercam, said):
    run = smoothed_run(layercam)
    text = smoothness_text(run, smoothness(run)[1])
    assert text.startswith(said)
    tables = tables_of(run)
    given = [tables[name] for name in ("summary", "comparison", "wrong_class", "smoothness_pairs")]
    assert text in findings(run, *given)


def test_not_tried_is_said_where_there_is_a_lead(smoothed_run):
    run = smoothed_run((0.3, 0.5, 0.4))
    assert smoothness_text(run, None) == ""
    said = findings(run, summary(run), comparison(run), wrong_class(run))
    assert any("is not called more faithful: smoothness was not tried" in sentence for sentence in said)


def test_smoothed_maps_are_in_no_other_table_and_on_the_page(smoothed_run):
    run = smoothed_run((0.3, 0.59, 0.5))
    for name, table in tables_of(run).items():
        if name != "smoothness":
            assert not table.astype(str).apply(lambda c: c.str.startswith("smoothed_")).any(axis=None), name
    page = render(run.folder).read_text()
    assert "Smoothed maps (" in page
    assert (run.folder / "figures" / "smoothness.svg").exists()
