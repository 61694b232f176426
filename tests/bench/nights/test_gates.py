"""Tolerances by hand, and what nights of a noisy machine set off."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.errors import ConfigError
from bench.nights.gates import QualityGate, SpeedGate, load_gates
from bench.nights.moves import speed_culprits

ROOT = Path(__file__).resolve().parents[3]


def test_the_limit_by_hand():
    gate = SpeedGate()
    assert gate.limit([2.0]) == pytest.approx(2.1)
    assert gate.limit([1.9, 2.0, 2.2]) == pytest.approx(2 + 4 * 1.4826 * 0.1 * (1 + 4 / 3))
    assert gate.limit([9.0] * 30 + [2.0] * 20) == pytest.approx(2.1)  # the last twenty alone
    assert gate.limit([2.0], error=0.05) == pytest.approx(2.2)


def timed(name: str, ratio: float, error: float) -> pd.DataFrame:
    return pd.DataFrame([(name, ratio, error)], columns=["benchmark", "ratio_b", "error_b"])


def test_a_speed_culprit_is_one_line():
    assert speed_culprits(timed("maps batch=32", 1.5, 0.0), {"maps batch=32": [1.2]}, SpeedGate()) == [
        "speed of maps batch=32: 1.500 bare forward passes, limit 1.260 (median 1.200 of 1 earlier)"
    ]
    assert not speed_culprits(timed("new", 1.5, 0.0), {}, SpeedGate())
    assert speed_culprits(timed("maps", math.nan, 0.0), {"maps": [1.2]}, SpeedGate())
    assert speed_culprits(timed("maps", 1.5, math.nan), {"maps": [1.2]}, SpeedGate())


def test_fewer_nights_than_a_verdict_needs():
    assert not speed_culprits(timed("maps", 9.0, 0.0), {"maps": [1.2] * 7}, SpeedGate(), fewest=8)
    assert speed_culprits(timed("maps", 9.0, 0.0), {"maps": [1.2] * 8}, SpeedGate(), fewest=8)


ROUNDS, MAPS, NOISE = 60, 1.25, 0.04


def night(random: np.random.Generator, slower: float = 1.0) -> tuple[float, float]:
    """Ratio and standard error of a night: the machine 20 % faster or slower than usual, every round 4 % off."""
    machine = np.exp(0.2 * random.standard_normal())
    reference = machine * np.exp(NOISE * random.standard_normal(ROUNDS))
    maps = machine * MAPS * slower * np.exp(NOISE * random.standard_normal(ROUNDS))
    ratios = maps / reference
    middle = np.median(ratios)
    return float(middle), float(1.2533 * 1.4826 * np.median(np.abs(ratios - middle)) / np.sqrt(ROUNDS))


def fails(random: np.random.Generator, past: list[float], slower: float = 1.0) -> tuple[bool, float]:
    """Whether a night fails, as nightly decides it: passed limits are timed once more; and its ratio."""
    for _ in range(2):
        ratio, error = night(random, slower)
        if not speed_culprits(timed("maps", ratio, error), {"maps": past}, SpeedGate()):
            return False, ratio
    return True, ratio


def test_twenty_nights_without_change_stay_silent_in_a_hundred_histories():
    random = np.random.default_rng(0)
    alarms = 0
    for _ in range(100):
        past = [night(random)[0]]
        for _ in range(20):
            failed, ratio = fails(random, past)
            alarms += failed
            past.append(ratio)
    assert alarms == 0  # of 2,000 nights


def alarms(ratios: np.ndarray) -> np.ndarray:
    """Which nights of a history fail; those that did stay in the past, or it would look ever faster."""
    gate, found = SpeedGate(), np.zeros(len(ratios), dtype=bool)
    for place in range(gate.fewest, len(ratios)):
        past, ratio = ratios[:place].tolist(), float(ratios[place])
        found[place] = ratio > gate.limit(past) or gate.creep(past, ratio) > gate.drift
    return found


def history(random: np.random.Generator, noise: float, nights: int) -> np.ndarray:
    return MAPS * np.exp(noise * random.standard_normal(nights))


@pytest.mark.parametrize(("noise", "rate"), [(0.05, 0.01), (0.2, 0.05)])
def test_false_alarms_where_nights_themselves_differ(noise, rate):
    """A second timing, which nightly asks for, shares the night's noise here."""
    random = np.random.default_rng(3)
    found = np.array([alarms(history(random, noise, 30)) for _ in range(200)])
    assert found[:, SpeedGate().fewest :].mean() < rate


def test_ten_percent_slower_nights_that_differ_by_five_percent_are_named_within_a_week():
    random = np.random.default_rng(4)
    slower = np.repeat([1.0, 1.1], [20, 7])
    named = [alarms(history(random, 0.05, 27) * slower)[20:].any() for _ in range(200)]
    assert np.mean(named) > 0.9 - 3 * math.sqrt(0.09 / 200)


def test_a_creep_of_one_percent_a_night_is_named_within_twenty_nights():
    random = np.random.default_rng(5)
    creep = 1.01 ** np.maximum(0, np.arange(28) - 8)
    named = [alarms(history(random, 0.05, 28) * creep)[8:].any() for _ in range(100)]
    assert np.mean(named) > 0.9
    said = speed_culprits(timed("maps", 1.06, math.nan), {"maps": [1.0, 1.02] * 10 + [1.045] * 6}, SpeedGate())
    assert said == [
        "speed of maps: 1.045 bare forward passes, median of the last 7 nights; 1.010 in the first 20 since the "
        "reference: it became slower"
    ]


def test_the_creep_by_hand():
    """Mean 2, standard deviation of 1.9, 2.0, 2.1 is 0.1, times 1 + 2 / 3: z of 2.5 is 3, of 2.25 is 1.5."""
    gate = SpeedGate(nights=3, fewest=3)
    assert gate.creep([1.9, 2.0, 2.1], 2.25) == pytest.approx(0.5)
    assert gate.creep([1.9, 2.0, 2.1, 2.25], 2.25) == pytest.approx(1.0)
    assert gate.creep([1.9, 2.0, 2.1, 2.25], 9.0) == pytest.approx(2.5)  # an outlier counts three
    assert gate.creep([1.9, 2.0, 2.1, 2.25], 1.5) == 0.0
    assert gate.creep([2.0, 2.0, 2.0], 2.05) == pytest.approx(2.5 - 1)  # nights are taken to differ by 1 %, 0.02


def test_an_accepted_level_is_accepted():
    """From the accepted night on the past begins anew; 30 % slower is then as usual."""
    random = np.random.default_rng(6)
    found = np.array([alarms(history(random, 0.05, 20) * 1.3) for _ in range(100)])
    assert found.mean() < 0.01


def test_maps_ten_percent_slower_are_caught_on_the_first_night_nineteen_times_of_twenty():
    random = np.random.default_rng(1)
    caught = [fails(random, [night(random)[0] for _ in range(20)], slower=1.1)[0] for _ in range(200)]
    assert np.mean(caught) >= 0.95


def test_the_absolute_times_alone_could_not_tell():
    """Why ratios: over nights that differ by 20 %, a limit on times would let ten percent pass."""
    times = MAPS * np.exp(0.2 * np.random.default_rng(2).standard_normal(20))
    assert SpeedGate().limit(list(times)) > 1.1 * MAPS


def test_the_shipped_gates_load():
    gates = load_gates(ROOT / "configs" / "gates.toml")
    assert gates.quality == QualityGate(absolute=0.002)
    assert gates.metrics == {"srg_margin": QualityGate(relative=0.01)}
    assert gates.speed == SpeedGate()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[qualitty]\n", "did you mean 'quality'?"),
        ("[quality.srg_marginn]\nabsolute = 1\n", "did you mean 'srg_margin'?"),
        ("[quality]\nabsolut = 1\n", "did you mean 'absolute'?"),
        ("[quality]\nabsolute = -1\n", "absolute in 'FILE' is -1, expected a number above 0"),
        ("[quality]\nabsolute = 0.1\nrelative = 0.1\n", "expected one"),
        ("[quality]\nundefined = 1.5\n", "expected a whole number"),
        ("[speed]\nnights = 0\n", "nights in 'FILE' is 0, expected a whole number of at least 1"),
        ("speed = 3\n", "is 3, expected a table"),
        ("[quality\n", "is not TOML"),
    ],
)
def test_gates_that_cannot_be_used(tmp_path, text, said):
    path = tmp_path / "gates.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_gates(path)
    assert said.replace("FILE", str(path)) in str(error.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_gates(tmp_path / "none.toml")
