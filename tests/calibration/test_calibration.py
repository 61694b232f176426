"""The claims of docs/calibration.md with fewer repetitions: four standard errors of what chance leaves open."""

import importlib.util
import math
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
spec = importlib.util.spec_from_file_location("calibrate", HERE / "calibrate.py")
assert spec is not None
calibrate = importlib.util.module_from_spec(spec)
spec.loader.exec_module(calibrate)

FAMILIES = 100


def above(share: float, repetitions: int) -> float:
    return share + 3 * math.sqrt(share * (1 - share) / repetitions)


@pytest.mark.parametrize("images", [12, 40, 132])
@pytest.mark.parametrize("name", calibrate.PROMISED)
def test_families_without_a_difference_raise_an_alarm_in_at_most_one_of_twenty(name, images):
    count = 40 if "NaN" in name else FAMILIES
    assert calibrate.false_alarm(name, images, count) <= above(0.05, count)


@pytest.mark.parametrize("images", [12, 40, 132])
@pytest.mark.parametrize("name", calibrate.PROMISED)
def test_intervals_that_are_shown_hold_the_mean(name, images):
    single, together, shown = calibrate.coverage(name, images, FAMILIES)
    if shown > 0.01:
        error = math.sqrt(0.07 * 0.93 / (shown * FAMILIES * calibrate.FAMILY))
        assert single >= 0.93 - 3 * error
    assert together >= 0.93 - 3 * math.sqrt(0.07 * 0.93 / FAMILIES)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.97])
def test_shares_of_hits_are_held(share):
    for images in (12, 40, 132):
        assert calibrate.share_coverage(share, images, 4000) >= 0.93 - 0.012


@pytest.mark.parametrize("images", [20, 40, 132])
@pytest.mark.parametrize("name", ["normal", calibrate.BINARY])
def test_a_difference_of_the_stated_size_is_seen_four_times_of_five(name, images):
    found, _ = calibrate.power(name, images, 1000)
    assert 0.8 - 3 * math.sqrt(0.16 / 1000) <= found <= 0.98
    assert calibrate.power(name, images, 1000, part=0.6)[0] < 0.65


def test_twelve_images_state_no_power_in_a_family_of_eight():
    assert math.isnan(calibrate.power("normal", 12, 100)[0])


def test_the_test_is_no_rubber_stamp():
    """A difference of one standard deviation on 40 images is seen nearly always."""
    random = calibrate.np.random.default_rng(0)
    values = random.normal(1.0, 1.0, (40, 200))
    assert (calibrate.tested(values, 0 * values, 0) < 0.05 / 8).mean() > 0.95


def test_the_page_has_a_row_for_every_claim():
    text = calibrate.tables((8,), 2, lambda name: None)
    for name in (*calibrate.DRAWS, calibrate.BINARY):
        assert f"| {name} |" in text


@pytest.mark.parametrize("sd", [0.0, 0.2])
def test_means_and_spreads_over_networks_and_what_a_new_one_may_do_are_held(sd):
    assert min(calibrate.network_coverage(6, sd, FAMILIES)) >= 0.93 - 3 * math.sqrt(0.07 * 0.93 / FAMILIES)
