"""What counts as worse, better, moved or not sure, by hand."""

import math

import pandas as pd
import pytest

from bench.nights.gates import Gates, QualityGate
from bench.nights.moves import FAILING, moves_of


def quality_culprits(changes: pd.DataFrame, gates: Gates, **how: bool) -> list[str]:
    return [move.line for move in moves_of(changes, gates, **how) if move.kind in FAILING]


def changed(metric: str, direction: str, before: float, after: float, **other: object) -> pd.DataFrame:
    row = {
        "method": "gradcam", "layer": "features.11", "role": "right", "metric": metric, "direction": direction, "n": 9,
        "n_undefined_a": 0, "n_undefined_b": 0, "n_lost": 0, "mean_a": before, "mean_b": after,
        "mean_difference": after - before, "ci_low": after - before - 0.01, "ci_high": after - before + 0.01,
    }  # fmt: skip
    return pd.DataFrame([row | other])


@pytest.mark.parametrize(
    ("direction", "after", "fails"),
    [("higher", 0.47, True), ("higher", 0.53, False), ("lower", 0.53, True), ("lower", 0.47, False),
     ("none", 0.9, True), ("none", 0.1, True), ("none", 0.495, False), ("higher", 0.495, False)],
)  # fmt: skip
def test_only_the_worse_direction_fails_and_only_beyond_the_tolerance(direction, after, fails):
    lines = quality_culprits(changed("m", direction, 0.5, after), Gates(quality=QualityGate(absolute=0.01)))
    assert bool(lines) == fails
    if fails:
        interval = f"{after - 0.5:+.4f} [{after - 0.51:+.4f}, {after - 0.49:+.4f}]"
        expected = f"quality of gradcam features.11 right m: 0.5000 to {after:.4f}, {interval}, tolerance 0.0100"
        assert lines == [expected + " either way" * (direction == "none")]


def test_a_relative_tolerance_is_a_share_of_the_mean_before():
    gates = Gates(metrics={"m": QualityGate(relative=0.1)})
    assert not quality_culprits(changed("m", "higher", 2.0, 1.81), gates)
    assert quality_culprits(changed("m", "higher", 2.0, 1.79), gates)
    assert quality_culprits(changed("other", "higher", 2.0, 1.81), gates)  # 0.002, as for every metric not named


def test_values_that_become_undefined_fail_whatever_the_mean_says():
    row = changed("m", "higher", 0.5, 0.6, n_undefined_a=1, n_undefined_b=3, n_lost=2)
    assert quality_culprits(row, Gates()) == ["quality of gradcam features.11 right m: undefined on 3 images, was on 1"]
    assert not quality_culprits(row, Gates(quality=QualityGate(absolute=0.01, undefined=2)))


def test_other_images_that_become_undefined_fail_too_although_their_number_is_the_same():
    row = changed("m", "higher", math.nan, math.nan, n=0, n_undefined_a=4, n_undefined_b=4, n_lost=4)
    said = "quality of gradcam features.11 right m: undefined on 4 images, was on 4, 4 of them had a value"
    assert quality_culprits(row, Gates()) == [said]


@pytest.mark.parametrize(
    ("other", "fails"),
    [
        ({"n": 0, "n_undefined_a": 9, "n_undefined_b": 9}, False),  # undefined as before
        ({"n": 0, "n_undefined_a": 9}, False),  # new: nothing is known of it
        ({"n": 0, "n_undefined_b": 9, "n_lost": 9}, True),  # gone
        ({"mean_b": math.nan, "mean_difference": math.nan}, True),  # no number although there are values
        ({"mean_b": math.inf, "mean_difference": math.inf}, True),  # not even in the better direction
        ({"ci_low": math.nan, "ci_high": math.nan, "n": 1}, True),  # one image has no interval, but a difference
    ],
)
@pytest.mark.parametrize("direction", ["higher", "none"])
def test_gates_at_the_edge(direction, other, fails):
    row = changed("m", direction, 0.5, 0.4, **({"ci_low": math.nan, "ci_high": math.nan} | other))
    if other.get("n") == 0:
        row[["mean_a", "mean_b", "mean_difference"]] = math.nan
    lines = quality_culprits(row, Gates())
    assert bool(lines) == fails
    assert not any("nan, " in line or "+nan" in line for line in lines if "finite" not in line)


def test_a_relative_tolerance_of_nothing_is_nothing():
    assert quality_culprits(changed("m", "higher", 0.0, -1e-9), Gates(quality=QualityGate(relative=0.1)))
    assert not quality_culprits(changed("m", "higher", 0.0, 0.0), Gates(quality=QualityGate(relative=0.1)))


def test_maps_of_the_absent_class_are_judged_by_what_has_no_better_direction():
    assert not quality_culprits(changed("m", "higher", 0.5, 0.1, role="wrong"), Gates())
    assert quality_culprits(changed("m", "none", 0.5, 0.1, role="wrong"), Gates())
    assert quality_culprits(changed("dispersion_gap", "none", 0.5, 0.1, role="gap"), Gates())


@pytest.mark.parametrize(
    ("after", "half", "kinds"),
    [
        (0.45, 0.03, ["worse"]),  # at best -0.02, tolerance 0.01
        (0.45, 0.045, ["unsure"]),  # at best -0.005
        (0.45, 0.06, ["unsure"]),  # the interval contains no change at all
        (0.45, math.nan, ["worse"]),  # too few images for an interval: the mean counts
        (0.55, 0.03, ["better"]),
        (0.55, 0.045, []),  # a gain that is not sure is none
    ],
)
def test_of_a_changed_network_the_interval_counts(after, half, kinds):
    limits = {"ci_low": after - 0.5 - half, "ci_high": after - 0.5 + half}
    row, gates = changed("m", "higher", 0.5, after, **limits), Gates(quality=QualityGate(absolute=0.01))
    assert [move.kind for move in moves_of(row, gates, sampled=True)] == kinds
    assert [move.kind for move in moves_of(row, gates)] == ["worse" if after < 0.5 else "better"]
    if math.isnan(half) or after > 0.5:
        return
    either = moves_of(changed("m", "none", 0.5, after, **limits), gates, sampled=True)
    assert [move.kind for move in either] == ["moved" if kinds == ["worse"] else "unsure"]
