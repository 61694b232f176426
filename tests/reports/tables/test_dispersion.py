import numpy as np
import pandas as pd
import pytest

from reports.runs.run import Run
from reports.tables.comparison import comparison
from reports.tables.dispersion import wrong_class
from reports.tables.findings import findings
from reports.tables.summary import summary

SIXTEEN = {f"{i}.jpg": ("cat", "dog")[i % 2] for i in range(16)}


def planted(folder, values: dict[tuple[str, str, str], float], metric: str = "scatter", spread: float = 0) -> Run:
    """The run with these values of Grad-CAM by (label, predicted, role); LayerCAM has 0.1 more where it is wrong.

    `spread` times -1 to 1, in even steps over the images, is added to the values of the wrong class.
    """
    frame = pd.read_parquet(folder / "scores.parquet")
    rows = frame["metric"] == metric
    frame.loc[rows, "value"] = [
        values[label, predicted, role] + (0.1 if (method, role) == ("layercam", "wrong") else 0)
        for label, predicted, role, method in frame.loc[rows, ["label", "predicted", "role", "method"]].itertuples(
            index=False
        )
    ]
    number = frame["image_id"].str.removesuffix(".jpg").astype(int)
    wrong = rows & frame["role"].eq("wrong")
    frame.loc[wrong, "value"] += spread * (2 * number[wrong] / number.max() - 1)
    frame.to_parquet(folder / "scores.parquet")
    return Run(folder)


def undefined(folder, image: str, role: str) -> None:
    frame = pd.read_parquet(folder / "scores.parquet")
    lost = frame["metric"].eq("scatter") & frame["image_id"].eq(image) & frame["role"].eq(role)
    frame.loc[lost & frame["method"].eq("gradcam"), "value"] = np.nan
    frame.to_parquet(folder / "scores.parquet")


def of(run: Run, statistic: str = "scatter", method: str = "gradcam") -> pd.DataFrame:
    table = wrong_class(run)
    return table[table["statistic"].eq(statistic) & table["method"].eq(method)].set_index("stratum")


# The fixture's network calls every image a cat: dogs are called wrong.
VALUES = {
    ("cat", "cat", "right"): 0.5,
    ("cat", "cat", "wrong"): 0.7,
    ("dog", "cat", "right"): 0.6,
    ("dog", "cat", "wrong"): 0.4,
}


def test_gaps_by_role_by_call_and_by_target_by_hand(make_run):
    table = of(planted(make_run({f"{i}.jpg": "cat" if i < 6 else "dog" for i in range(9)}), VALUES))
    expected = {
        "balanced": 0.0,
        "cat": 0.2,
        "dog": -0.2,
        "called right": 0.2,
        "called wrong": -0.2,
        "by call": 0.2,  # on dogs the class that is called is the wrong one
        "target cat": 0.4 - 0.5,
        "target dog": 0.7 - 0.6,
    }
    assert table["gap"].to_dict() == pytest.approx(expected, abs=1e-9)
    assert table["n"].to_dict() == dict(zip(expected, (9, 6, 3, 6, 3, 9, 9, 9), strict=True))
    assert table.loc["balanced", ["right", "wrong"]].tolist() == pytest.approx([0.55, 0.55])
    assert table.loc["cat", ["wrong_low", "wrong_high"]].isna().all()  # six images have no interval


def test_undefined_maps_are_left_out_counted_and_bounded(make_run):
    folder = make_run({f"{i}.jpg": "cat" if i < 4 else "dog" for i in range(8)})
    planted(folder, VALUES)
    undefined(folder, "0.jpg", "wrong")
    undefined(folder, "5.jpg", "right")
    table = of(Run(folder))
    assert table.loc[["cat", "dog"], "n_undefined"].tolist() == [1, 1]
    assert table.loc["cat", "gap"] == pytest.approx(0.2)
    assert table.loc["cat", ["gap_least", "gap_most"]].tolist() == pytest.approx(
        [(3 * 0.2 + 0 - 0.5) / 4, (3 * 0.2 + 1 - 0.5) / 4]
    )
    assert table.loc["dog", ["gap_least", "gap_most"]].tolist() == pytest.approx(
        [(-3 * 0.2 + 0.4 - 1) / 4, (-3 * 0.2 + 0.4 - 0) / 4]
    )


def test_the_difference_of_two_methods_gaps_is_paired_by_image_in_the_headline_family(make_run):
    table = comparison(planted(make_run(), VALUES)).set_index(["role", "metric"])
    row = table.loc[("gap", "scatter_gap")]
    assert row["family"] == "headline"
    assert row["mean_difference"] == pytest.approx(-0.1)
    assert table.loc[("gap", "dispersion_gap"), "family"] == "exploratory"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [(0.7, "wrong-class maps are more scattered than"), (0.3, "wrong-class maps are less scattered, not more, than")],
)
def test_the_sentence_follows_the_sign_of_the_gap(make_run, wrong, said):
    values = {(label, "cat", role): 0.5 if role == "right" else wrong for label, _, role in VALUES}
    run = planted(make_run(SIXTEEN), values, spread=0.1)
    found = findings(run, summary(run), comparison(run), wrong_class(run))
    assert any(f"Gradcam at features.11: {said}" in sentence for sentence in found)
    assert any("Gap by what the network calls the image" in sentence for sentence in found)


def test_srg_along_the_wrong_class_s_map_is_judged_against_a_random_order(make_run):
    folder = make_run(SIXTEEN)
    for value, said in ((0.2, "finds what speaks for its class;"), (-0.2, "worse than a random order")):
        run = planted(folder, dict.fromkeys(VALUES, value), "srg_probability", spread=0.05)
        found = findings(run, summary(run), comparison(run), wrong_class(run))
        assert any(said in sentence for sentence in found)


def test_a_run_of_an_earlier_version_has_no_scatter_and_is_read(make_run):
    folder = make_run()
    frame = pd.read_parquet(folder / "scores.parquet")
    frame[frame["metric"] != "scatter"].to_parquet(folder / "scores.parquet")
    run = Run(folder)
    assert "effective_area" in set(wrong_class(run)["statistic"])
    assert not any("scatter" in sentence for sentence in findings(run, summary(run), comparison(run), wrong_class(run)))
