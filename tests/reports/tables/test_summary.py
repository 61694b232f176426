import numpy as np
import pandas as pd
import pytest

from metrics.statistics.intervals import dataset_pxap, mean_interval
from reports.runs.run import Run
from reports.tables.comparison import comparison
from reports.tables.dispersion import wrong_class
from reports.tables.findings import findings
from reports.tables.summary import summary


def scores_of(folder) -> pd.DataFrame:
    return pd.read_parquet(folder / "scores.parquet")


def rewrite(folder, change) -> Run:
    frame = scores_of(folder)
    change(frame)
    frame.to_parquet(folder / "scores.parquet")
    return Run(folder)


def area(frame: pd.DataFrame, method: str) -> pd.Series:
    return (frame["metric"] == "effective_area") & (frame["method"] == method)


def test_summary_recomputed_from_the_scores(make_run):
    folder = make_run(layers=("features.11", "features.12"))
    run = Run(folder)
    table = summary(run).set_index(["method", "layer", "role", "metric"])
    assert table.index.is_unique
    groups = scores_of(folder).groupby(["method", "layer", "role", "metric"])
    for key, group in groups:
        values = group.sort_values("image_id")["value"]
        assert table.loc[key, "mean"] == pytest.approx(values.mean())
        assert table.loc[key, "median"] == pytest.approx(values.median())
        expected = np.clip(mean_interval(values), *run.manifest["metrics"][key[-1]]["range"])
        assert tuple(table.loc[key, ["ci_low", "ci_high"]]) == pytest.approx(tuple(expected), rel=1e-12)
        assert tuple(table.loc[key, ["n", "n_undefined"]]) == (8, 0)
    pooled = pd.read_parquet(folder / "localisation.parquet")
    pooled = pooled[(pooled["method"] == "gradcam") & (pooled["layer"] == "features.11") & (pooled["role"] == "right")]
    value, _ = dataset_pxap(np.stack(pooled["foreground"]), np.stack(pooled["background"]), 0)
    assert table.loc[("gradcam", "features.11", "right", "pxap_dataset"), "mean"] == pytest.approx(value)


def test_rows_do_not_depend_on_the_order_of_images(make_run):
    folder = make_run()
    run = Run(folder)
    before = [summary(run), comparison(run), wrong_class(run)]
    scores_of(folder).sample(frac=1, random_state=3).to_parquet(folder / "scores.parquet")
    shuffled = Run(folder)
    for one, other in zip(before, [summary(shuffled), comparison(shuffled), wrong_class(shuffled)], strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_undefined_values_are_counted_and_left_out(make_run):
    folder = make_run()

    def change(frame):
        rows = frame.index[area(frame, "gradcam") & (frame["role"] == "right")]
        frame.loc[rows, "value"] = [np.nan] * 3 + [0.2, 0.4, 0.2, 0.4, 0.3]

    run = rewrite(folder, change)
    table = summary(run).set_index(["method", "role", "metric"])
    row = table.loc[("gradcam", "right", "effective_area")]
    assert (row["n"], row["n_undefined"]) == (5, 3)
    assert row["mean"] == pytest.approx(0.3)
    paired = comparison(run).set_index(["role", "metric"]).loc[("right", "effective_area")]
    assert (paired["n"], paired["n_undefined"]) == (5, 3)


def test_an_interval_ends_where_the_range_of_the_metric_does(make_run):
    """Student's t of these eight would end at 1.07; no share lies beyond 1."""

    def change(frame):
        rows = frame.index[area(frame, "gradcam") & (frame["role"] == "right")]
        frame.loc[rows, "value"] = [0.99, 0.98, 0.97, 0.96, 0.95, 0.94, 0.93, 0.3]

    row = summary(rewrite(make_run(), change)).set_index(["method", "role", "metric"])
    found = row.loc[("gradcam", "right", "effective_area")]
    assert found["ci_high"] == 1
    assert 0 < found["ci_low"] < found["mean"] < 1


def test_comparison_is_paired_by_image(make_run):
    """LayerCAM is Grad-CAM plus 0.1 on every image: the difference has no spread, whatever the images' own."""
    folder = make_run()

    def change(frame):
        ours = frame[area(frame, "gradcam")].set_index(["image_id", "target"])["value"]
        rows = area(frame, "layercam")
        frame.loc[rows, "value"] = [
            ours[key] + 0.1 for key in zip(frame[rows]["image_id"], frame[rows]["target"], strict=True)
        ]

    table = comparison(rewrite(folder, change)).set_index(["role", "metric"])
    row = table.loc[("right", "effective_area")]
    assert (row["method_a"], row["method_b"], row["n"]) == ("gradcam", "layercam", 8)
    assert row["mean_difference"] == pytest.approx(-0.1)
    assert row["hodges_lehmann"] == pytest.approx(-0.1)
    assert np.isnan(row["ci_low"])  # all equal: nothing tells how far another image may lie
    assert row["p_value"] == pytest.approx((2 / 3) ** 8)


def planted(frame: pd.DataFrame) -> None:
    """Cats: scatter 0.5 right, 0.2 wrong. Dogs: 0.5 right, 0.6 wrong. The first dog's wrong map is undefined."""
    rows = (frame["metric"] == "scatter") & (frame["method"] == "gradcam")
    wrong = {"cat": 0.2, "dog": 0.6}
    frame.loc[rows, "value"] = [
        0.5 if role == "right" else wrong[label]
        for role, label in zip(frame[rows]["role"], frame[rows]["label"], strict=True)
    ]
    empty = rows & (frame["image_id"] == "1.jpg") & (frame["role"] == "wrong")
    frame.loc[empty, "value"] = np.nan


def test_findings_take_their_numbers_from_the_tables(make_run):
    run = rewrite(make_run(), planted)
    tables = [summary(run), comparison(run), wrong_class(run)]
    sentences = findings(run, *tables)
    relevance, gap = sentences[0], next(text for text in sentences if "scatter" in text)
    assert "so few images cannot judge scatter" in gap
    assert "1 images with too few cells left out" in gap
    for method in ("gradcam", "layercam"):
        mean = tables[0].set_index(["method", "role", "metric"]).loc[(method, "right", "srg_probability"), "mean"]
        assert f"{method.title()} {mean:.3f}" in relevance
    assert "balanced gap -0.100" in gap
    assert "No difference shown" in relevance or "is ahead" in relevance


@pytest.mark.parametrize(
    ("shift", "said"),
    [(0.3, "Gradcam is ahead"), (-0.3, "Layercam is ahead"), (0.0, "No difference shown")],
)
def test_the_verdict_follows_the_sign_of_the_interval(make_run, shift, said):
    def change(frame):
        rows = frame["metric"] == "srg_probability"
        noise = frame["image_id"].map(lambda name: 0.01 * (int(name.removesuffix(".jpg")) % 4 - 1.5))
        sign = np.where(frame["method"] == "gradcam", 0.5, -0.5)
        frame.loc[rows, "value"] = (sign * (shift + noise))[rows]

    run = rewrite(make_run({f"{i}.jpg": ("cat", "dog")[i % 2] for i in range(16)}), change)
    assert said in findings(run, summary(run), comparison(run), wrong_class(run))[0]


def test_two_maps_of_one_image_are_one_image(make_run):
    folder = make_run({f"{i}.jpg": "cat+dog" for i in range(9)})
    scores = scores_of(folder)
    scores.loc[(scores["image_id"] == "0.jpg") & (scores["target"] == "cat"), "value"] = float("nan")
    scores.to_parquet(folder / "scores.parquet")
    table = summary(Run(folder)).set_index(["method", "layer", "role", "metric"])
    row = table.loc["gradcam", "features.11", "present", "energy_in_mask"]
    own = scores[(scores["method"] == "gradcam") & (scores["metric"] == "energy_in_mask")]
    by_image = own.pivot(index="image_id", columns="target", values="value").mean(axis=1, skipna=False)
    assert (row["n"], row["n_undefined"]) == (8, 1)
    assert row["mean"] == pytest.approx(by_image.mean())
