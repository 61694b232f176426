import json

import pandas as pd
import pytest

from reports import Run, render, summary_text, tables_of
from reports.tables.answer import answer
from reports.tables.findings import findings
from reports.tables.scorecard import scorecard
from reports.tables.substrates import is_faithful, scope_text, substrate_table

METRIC, UNDER_MEAN = "srg_probability", "srg_probability_mean"
SMOOTHED = {"smoothed_1_gradcam": ("gradcam", 1.0), "smoothed_1_layercam": ("layercam", 1.0)}


@pytest.fixture
def tried(make_run):
    """Twelve images; Grad-CAM minus LayerCAM is what the test says under blur and mean, as they are and smoothed."""

    def make(leads: dict[tuple[str, float], float], left: float = 0.1) -> Run:
        folder = make_run({f"{i}.jpg": ("cat", "dog")[i % 2] for i in range(12)}, ("gradcam", "layercam", *SMOOTHED))
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["methods"] = {name: entry for name, entry in manifest["methods"].items() if name not in SMOOTHED}
        if any(sigma for _, sigma in leads):
            manifest["smoothed"] = {name: {"method": of, "sigma": sigma} for name, (of, sigma) in SMOOTHED.items()}
        manifest["substrates"] = {
            "blur": {"title": "blur of RISE", "metric": METRIC}, "mean": {"title": "mean colour", "metric": UNDER_MEAN},
        }  # fmt: skip
        manifest["metrics"][UNDER_MEAN] = manifest["metrics"][METRIC] | {"family": "substrates"}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        scores = pd.read_parquet(folder / "scores.parquet")
        copies = scores[scores["metric"].eq(METRIC)].assign(metric=UNDER_MEAN)
        scores = pd.concat([scores, copies], ignore_index=True)
        if not manifest.get("smoothed"):
            scores = scores[~scores["method"].isin(SMOOTHED)]
        ripple = scores["image_id"].str.removesuffix(".jpg").astype(int).map(lambda i: 0.01 * (i % 4 - 1.5))
        for (metric, sigma), lead in leads.items():
            name = "gradcam" if not sigma else f"smoothed_{sigma:g}_gradcam"
            for method, level in ((name, 0.3 + lead), (name.replace("gradcam", "layercam"), 0.3)):
                rows = scores["metric"].eq(metric) & scores["method"].eq(method)
                scores.loc[rows, "value"] = level + ripple[rows] * (method == name)
        scores.to_parquet(folder / "scores.parquet")
        curves = pd.read_parquet(folder / "curves.parquet")
        curves = curves[~curves["method"].isin(SMOOTHED)]
        under = curves.copy()
        ends = {"deletion": [0.8, *[0.3] * 7, left], "insertion": [left, *[0.3] * 7, 0.8]}
        under["probability"] = [ends[way][:1] + [0.3] * (len(p) - 2) + ends[way][-1:] for way, p in
                                zip(under["direction"], under["probability"], strict=True)]  # fmt: skip
        pd.concat([curves, under.assign(substrate="mean")]).to_parquet(folder / "curves.parquet")
        path = folder / "localisation.parquet"
        if path.exists():
            frame = pd.read_parquet(path)
            frame[~frame["method"].isin(SMOOTHED)].to_parquet(path)
        return Run(folder)

    return make


PLAIN = {(METRIC, 0.0): 0.1, (UNDER_MEAN, 0.0): 0.1}
HOLDS = {**PLAIN, (METRIC, 1.0): 0.12, (UNDER_MEAN, 1.0): 0.12}


def judged(run: Run) -> tuple[bool, str]:
    return is_faithful(run, substrate_table(run), 1, "gradcam", "layercam")


def test_a_row_per_substrate_with_its_check_of_the_model(tried):
    table = substrate_table(tried(HOLDS, left=0.1)).set_index("substrate")
    assert list(table.index) == ["blur", "mean"]
    assert table["verdict"].tolist() == table["verdict_at_best"].tolist() == ["better", "better"]
    assert table["mean_difference"].round(6).tolist() == [0.1, 0.1]
    assert table.loc["mean", ["sigma_a", "sigma_b"]].tolist() == [1.0, 0.0]  # the less smooth one of two as good
    assert table.loc["mean", ["full", "left", "taken", "survives"]].tolist() == pytest.approx([0.8, 0.1, 0.875, 0.0])


def test_a_lead_that_holds_is_called_faithful_and_one_that_does_not_is_not(tried):
    run = tried(HOLDS)
    holds, why = judged(run)
    assert holds
    assert why.startswith(
        "The lead holds under all 2 substrates tried (blur of RISE, mean colour), as they are and each"
    )
    tables = tables_of(run)
    names = ("summary", "comparison", "wrong_class", "smoothness_pairs", "substrates")
    assert any("Gradcam is more faithful. The lead holds" in s for s in findings(run, *(tables[n] for n in names)))
    assert answer(run, tables, scorecard(run, tables))[0].startswith(
        "Gradcam is more faithful than Layercam on 12 images"
    )
    assert is_faithful(run, tables["substrates"], -1, "layercam", "gradcam")[0]  # the pair turned round
    assert "substrates" in {path.stem for path in (render(run.folder).parent / "figures").iterdir()}
    assert "Gradcam is more faithful." in summary_text(run.folder)


@pytest.mark.parametrize(
    ("leads", "said"),
    [
        (PLAIN, "smoothness was not tried (--smooth 0.5,1,2)"),
        ({**HOLDS, (UNDER_MEAN, 0.0): 0.0}, "no lead is shown under mean colour"),
        ({**HOLDS, (UNDER_MEAN, 0.0): -0.1, (UNDER_MEAN, 1.0): -0.2}, "the other method leads under mean colour"),
        ({**HOLDS, (METRIC, 1.0): -0.3}, "under"),
    ],
)
def test_what_speaks_against_it_and_what_was_not_tried_is_named(tried, leads, said):
    holds, why = judged(tried(leads))
    if leads.get((METRIC, 1.0)) == -0.3:  # each at its best: both stay as they are
        assert holds
        return
    assert not holds
    assert why.startswith("Gradcam is not called more faithful: ")
    assert said in why


def test_a_single_substrate_is_not_enough(tried):
    run = tried(HOLDS)
    table = substrate_table(run)
    holds, why = is_faithful(run, table[table["substrate"].eq("blur")], 1, "gradcam", "layercam")
    assert not holds
    assert "no substrate but the blur of RISE was tried (--substrates all)" in why
    assert is_faithful(run, None, -1, "gradcam", "layercam")[1].startswith("Layercam is not called more faithful")


def test_a_substrate_that_leaves_most_of_the_evidence_is_named(tried):
    run = tried(PLAIN, 0.6)
    table = substrate_table(run)
    strong, weak = scope_text(run, table.assign(left=0.55)), scope_text(run, table)
    assert "mean colour" not in strong
    assert (
        "mean colour takes 25% of the probability away (0.80 to 0.60, chance is 0.50; the class survives in 100%)"
        in weak
    )
