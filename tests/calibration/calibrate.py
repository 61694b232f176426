"""How often the statistics are wrong where the truth is known: `make calibrate` writes docs/calibration.md.

Families of comparisons without any difference, with a known one, and intervals of a known mean, through the functions
that the reports call. The tests of this folder run the same with fewer repetitions.
"""

import argparse
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # run as a script or loaded by path, the project is found

from metrics.statistics.comparison import ALPHA, HEADLINE_FAMILY, at_level, holm, paired_columns  # noqa: E402
from metrics.statistics.intervals import mean_intervals  # noqa: E402
from metrics.statistics.mean_test import p_values  # noqa: E402
from metrics.statistics.moments import limits, moments, paired_hit_limits  # noqa: E402
from metrics.statistics.networks import VALUES, over_networks  # noqa: E402

FAMILY = len(HEADLINE_FAMILY)
SIZES = (12, 40, 132, 400)
STATED = 200  # samples whose `detectable` is asked
AT_ONCE = 50  # families that share their random signs
SIGNS = 1999
WIDTH = 118  # characters of a line of the page
Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


def _exponential(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return random.exponential(size=shape) - 1


def _tied(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Exponential values rounded to halves, less their mean: sum over k of P(value > k / 2 - 1 / 4) / 2."""
    steps = np.arange(1, 400) / 2
    return np.round(random.exponential(size=shape) * 2) / 2 - np.exp(-(steps - 0.25)).sum() / 2


def _mostly_zero(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return np.where(random.random(shape) < 0.15, random.normal(size=shape), 0.0)


def _skewed_and_zero(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return np.where(random.random(shape) < 0.15, _exponential(random, shape), 0.0)


def _undefined(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return np.where(random.random(shape) < 0.2, np.nan, _exponential(random, shape))


def _few_large(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Nine images of ten a little below 0, the tenth so far above that the mean is 0 (skewness 2.7)."""
    large = random.random(shape) < 0.1
    return np.where(large, random.uniform(0.8, 1.0, shape), random.uniform(-0.11, -0.09, shape)) - 0.0


# Differences whose mean is 0
DRAWS: dict[str, Draw] = {
    "normal": lambda random, shape: random.normal(size=shape),
    "skewed (exponential)": _exponential,
    "skewed, ties": _tied,
    "85 % zeros": _mostly_zero,
    "85 % zeros, skewed": _skewed_and_zero,
    "skewed, 20 % NaN": _undefined,
    "1 of 10 large": _few_large,
}
BINARY = "binary"
PROMISED = (*list(DRAWS)[:-1], BINARY)  # at most 5 %; the last one shows where tests of a mean end
SPREAD = {"normal": 1.0, "85 % zeros": 0.15**0.5}  # symmetric ones, whose power is stated


def families(name: str, random: np.random.Generator, images: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Values of a and b, (images, count x 8), without a difference in the mean; the metrics of a family correlate."""
    shape = (images, count * FAMILY)
    if name == BINARY:
        skill = np.repeat(random.random((images, count)), FAMILY, axis=1)  # an easy image is easy for both
        first, second = (random.random(shape) < 0.5 + 0.5 * skill for _ in range(2))
        return first.astype(float), second.astype(float)
    values = DRAWS[name](random, shape)
    return values, np.zeros(shape)


def tested(first: np.ndarray, second: np.ndarray, seed: int) -> np.ndarray:
    """P of every column over the rows where it is defined."""
    whole = np.ones(len(first), dtype=bool)
    if not np.isnan(first).any():
        return p_values(first, second, seed, [whole], SIGNS)
    defined = ~np.isnan(first)
    return np.array(
        [
            p_values(a[own, None], b[own, None], seed, [whole[own]], SIGNS)[0]
            for a, b, own in zip(first.T, second.T, defined.T, strict=True)
        ]
    )


def _blocks(repetitions: int) -> Iterator[tuple[int, int]]:
    """Number and size of the blocks of so many families."""
    for number, start in enumerate(range(0, repetitions, AT_ONCE)):
        yield number, min(AT_ONCE, repetitions - start)


def false_alarm(name: str, images: int, repetitions: int, seed: int = 0) -> float:
    """Share of families of 8 without any difference in which a corrected p is below 0.05."""
    alarms = 0
    for block, count in _blocks(repetitions):
        random = np.random.default_rng([seed, images, block])
        p = tested(*families(name, random, images, count), block).reshape(count, FAMILY)
        alarms += sum(min(holm(list(row))) < ALPHA for row in p)
    return alarms / repetitions


def coverage(name: str, images: int, repetitions: int, seed: int = 1) -> tuple[float, float, float]:
    """Share of 95 % intervals that hold the mean, of families whose 8 simultaneous ones all do, and of intervals shown.

    Where none is shown there is nothing to hold: such intervals are left out of the first, and hold in the second.
    """
    held, shown, together = 0, 0, 0
    for block, count in _blocks(repetitions):
        random = np.random.default_rng([seed, images, block])
        if name == BINARY:
            first, second = families(name, random, images, count)
            only = [(own > 0).sum(axis=0).astype(float) for own in (first - second, second - first)]
            n = np.full(len(only[0]), float(images))
            single, all_ = (np.array(paired_hit_limits(*only, n, level)) for level in (ALPHA, ALPHA / FAMILY))
        else:
            values = moments([families(name, random, images, count)[0]], [1.0])
            single, all_ = (np.array(limits(values, level)) for level in (ALPHA, ALPHA / FAMILY))
        known = ~np.isnan(single[0])
        held += ((single[0] <= 0) & (single[1] >= 0))[known].sum()
        shown += known.sum()
        inside = ((all_[0] <= 0) & (all_[1] >= 0)) | np.isnan(all_[0])
        together += inside.reshape(count, FAMILY).all(axis=1).sum()
    total = repetitions * FAMILY
    return (held / shown if shown else float("nan")), together / repetitions, shown / total


def share_coverage(share: float, images: int, repetitions: int, seed: int = 2) -> float:
    """Share of 95 % intervals of a share of hits that hold it."""
    hits = np.random.default_rng([seed, images]).random((images, repetitions)) < share
    low, high = mean_intervals(hits.astype(float))
    return float(((low <= share) & (high >= share)).mean())


def power(name: str, images: int, repetitions: int, part: float = 1.0, seed: int = 3) -> tuple[float, float]:
    """Share of tests at 0.05 / 8 that see a difference of the stated size, and that size; NaN where none is stated.

    The size is `detectable` at the median over samples without a difference, times `part`.
    """
    random = np.random.default_rng([seed, images])
    shape = (images, repetitions)
    hits = name == BINARY
    first = (random.random(shape) < 0.5).astype(float) if hits else DRAWS[name](random, shape)
    second = (random.random(shape) < 0.5).astype(float) if hits else np.zeros(shape)
    some = paired_columns(first[:, :STATED], second[:, :STATED], seed, draws=99)
    stated = [at_level(one, ALPHA / FAMILY).detectable for one in some]
    if np.isnan(stated).mean() > 0.5:
        return float("nan"), float("nan")
    size = part * float(np.nanmedian(stated))
    if hits:  # as many images differ as before where that is enough for such a difference
        differ = max(0.5, size)
        which = random.random(shape)
        first = (which < (differ + size) / 2).astype(float)
        second = ((which >= (differ + size) / 2) & (which < differ)).astype(float)
    else:
        first = np.where(first == 0, 0, first + size / (first != 0).mean())
    return float((tested(first, second, seed) < ALPHA / FAMILY).mean()), size


def network_coverage(networks: int, sd: float, repetitions: int, seed: int = 4) -> tuple[float, float, float]:
    """Share of 95 % intervals that hold: of the mean over networks, of the sd between them, and for a new one.

    40 images; the standard deviation of images and of the rest is 0.2 each, of networks `sd`; the true mean is 0.
    """
    random, held = np.random.default_rng([seed, networks, round(1000 * sd)]), np.zeros(3)
    index = [[f"{n:03}", f"{n:03}", "", f"{i:03}", ""] for n in range(networks) for i in range(40)]
    frame = pd.DataFrame(index, columns=VALUES[:-1])
    for _ in range(repetitions):
        parts = [sd * random.normal(size=(networks, 1)), 0.2 * random.normal(size=(1, 40))]
        found = over_networks(frame.assign(value=(sum(parts) + 0.2 * random.normal(size=(networks, 40))).ravel()))
        (low, high), (least, most) = found.interval(ALPHA), found.prediction(ALPHA)
        held += (low <= 0 <= high, found.sd_low <= sd <= found.sd_high, least <= sd * random.normal() <= most)
    return tuple(held / repetitions)  # type: ignore[return-value]


def tables(sizes: tuple[int, ...], repetitions: int, watch: Callable[[str], None]) -> str:
    """The tables of the page as Markdown."""
    alarms, held = [], []
    for name in (*DRAWS, BINARY):
        row = [false_alarm(name, images, repetitions) for images in sizes]
        alarms.append([name, *(f"{100 * share:.1f} %" for share in row)])
        found = [coverage(name, images, repetitions) for images in sizes]
        held.append([name, *(_covered(*one) for one in found)])
        watch(name)
    powers = []
    for name in (*SPREAD, BINARY):
        row = [power(name, images, repetitions) for images in sizes]
        powers.append(
            [name, *("none stated" if np.isnan(one) else f"{100 * one:.0f} % at {size:.2f}" for one, size in row)]
        )
    shares = [
        [f"{share:.2f}", *(f"{share_coverage(share, images, repetitions * FAMILY):.3f}" for images in sizes)]
        for share in (0.5, 0.9, 0.97)
    ]
    counts = (3, 6, 12, 24)
    spreads = [
        [f"{sd:g}", *("; ".join(f"{one:.3f}" for one in network_coverage(n, sd, repetitions)) for n in counts)]
        for sd in (0.0, 0.05, 0.2, 0.5)
    ]
    over = _markdown(["sd between networks", *(f"{count} networks" for count in counts)], spreads)
    head = [f"n = {images}" for images in sizes]
    return (
        "\n\n".join(
            f"## {title}\n\n{textwrap.fill(text, WIDTH)}\n\n{_markdown([first, *head], rows)}"
            for title, text, first, rows in (
                ("False alarms of a family of 8", ALARMS, "differences", alarms),
                ("Coverage", COVERED, "differences", held),
                ("Coverage of shares of hits", SHARES, "true share", shares),
                ("Power", POWERS, "differences", powers),
            )
        )
        + f"\n\n## Coverage over networks\n\n{textwrap.fill(NETWORKS, WIDTH)}\n\n{over}"
    )


ALARMS = "Share of families without any difference that name a winner somewhere, after Holm at 5 %."
COVERED = (
    "Share of the 95 % intervals shown that hold the true mean; after the semicolon the share of families whose 8 "
    "simultaneous intervals all hold it; in brackets how many intervals are shown where that is not all."
)
SHARES = "Share of Wilson's 95 % intervals that hold the true share."
POWERS = "Share of tests at 0.05 / 8 that see a difference as large as the median `detectable`, and that difference."
NETWORKS = (
    "Share of the 95 % intervals of a study that hold: of the mean over networks; of the standard deviation between "
    "them; for the mean of a new one. 40 images; the standard deviation of images and of the rest is 0.2."
)


def _covered(single: float, together: float, shown: float) -> str:
    if np.isnan(single):
        return "none shown"
    some = "" if shown > 0.995 else f" ({100 * shown:.0f} % shown)"
    return f"{single:.3f}; {together:.3f}{some}"


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


INTRODUCTION = """# Calibration

What the statistics of a report promise, measured where the truth is known: {repetitions} families of 8 comparisons a
cell. `make calibrate` writes this page again. A share of 5 % from so many families is known to {error:.1f} points (two
standard errors). How tests and intervals are made: `metrics/statistics/comparison.py` and `moments.py`.

- No difference and no interval of a family of 8 is shown with fewer than 13 images that differ: (2 / 3)^k is the least
  p of k images. A single one needs 8.
- Skewed is a skewness of 2 (exponential). Where one image of ten holds all of the difference, few images know nothing
  of it: the row "1 of 10 large" shows where tests of a mean end. Plan for 400 images where that may be.

"""


def main() -> None:
    """Writes the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "calibration.md")
    options = parser.parse_args()
    error = 200 * (0.05 * 0.95 / options.repetitions) ** 0.5
    text = INTRODUCTION.format(repetitions=options.repetitions, error=error)
    text += tables(SIZES, options.repetitions, lambda name: print(name, file=sys.stderr, flush=True))
    options.out.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
