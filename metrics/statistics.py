"""Means over images and how sure they are; on arrays of per-image values alone.

Intervals describe the sampling of images for one network, and nothing else.
"""

import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy import stats

from metrics.localisation import average_precision

CONFIDENCE = 0.95
RESAMPLES = 2000
BOX_LEVELS = (0.3, 0.5, 0.7)

Interval = tuple[float, float]
UNDEFINED: Interval = (float("nan"), float("nan"))


def mean_interval(values: ArrayLike, seed: int) -> Interval:
    """95 % interval of the mean over images: BCa bootstrap (Efron 1987), 2000 resamples.

    Args:
        values: one per image, defined, (n,).
        seed: of the resampling.

    Returns:
        Low and high; the common value where all are equal, NaN for fewer than two images.
    """
    return balanced_interval([values], seed)


def balanced_mean(groups: Sequence[ArrayLike]) -> float:
    """Mean of the groups' means, so that each counts the same whatever its size; NaN if one is empty."""
    arrays = [np.asarray(group, dtype=float) for group in groups]
    return float(np.mean([group.mean() for group in arrays])) if all(len(group) for group in arrays) else float("nan")


def balanced_interval(groups: Sequence[ArrayLike], seed: int) -> Interval:
    """95 % BCa interval of `balanced_mean`, resampling within the groups."""
    return _interval(groups, lambda *means: sum(means) / len(means), seed)


def difference_interval(first: ArrayLike, second: ArrayLike, seed: int) -> Interval:
    """95 % BCa interval of mean(first) - mean(second) of unpaired images."""
    return _interval([first, second], lambda a, b: a - b, seed)


def mean_band(curves: ArrayLike, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pointwise 95 % percentile bootstrap band of the mean curve; (n, points) to two arrays (points,)."""
    array = np.asarray(curves, dtype=float)
    means = _weights(len(array), seed) @ array
    low, high = np.quantile(means, _tails(), axis=0)
    return low, high


def dataset_pxap(foreground: ArrayLike, background: ArrayLike, seed: int) -> tuple[float, Interval]:
    """Pixel average precision of the pooled pixels of all images, and its percentile bootstrap interval.

    Args:
        foreground: object pixels per bin of the scaled map, (n, bins).
        background: background pixels, (n, bins).
        seed: of the resampling.

    Returns:
        Value in [0, 1], higher is better (Choe et al. 2020); interval over images.
    """
    front, back = np.asarray(foreground, dtype=float), np.asarray(background, dtype=float)
    weights = np.vstack([np.full(len(front), 1 / max(len(front), 1)), _weights(len(front), seed)])
    values = average_precision(torch.from_numpy(weights @ front), torch.from_numpy(weights @ back)).numpy()
    return _with_interval(values, len(front))


def max_box_acc_v2(box_iou: ArrayLike, seed: int) -> tuple[float, Interval]:
    """MaxBoxAccV2: mean over IoU levels 0.3, 0.5, 0.7 of the best threshold's share of images at that level.

    Args:
        box_iou: best IoU per image and threshold, (n, thresholds).
        seed: of the resampling.

    Returns:
        Value in [0, 1], higher is better (Choe et al. 2020); percentile bootstrap interval over images.
    """
    ious = np.asarray(box_iou, dtype=float)
    weights = np.vstack([np.full(len(ious), 1 / max(len(ious), 1)), _weights(len(ious), seed)])
    values = np.mean([(weights @ (ious >= level)).max(axis=1) for level in BOX_LEVELS], axis=0)
    return _with_interval(values, len(ious))


def _interval(groups: Sequence[ArrayLike], combine: Callable[..., np.ndarray], seed: int) -> Interval:
    arrays = [np.asarray(group, dtype=float) for group in groups]
    if min(map(len, arrays)) < 2:
        return UNDEFINED
    if all(np.ptp(array) == 0 for array in arrays):
        point = float(combine(*(array[0] for array in arrays)))
        return point, point

    def statistic(*samples: np.ndarray, axis: int = -1) -> np.ndarray:
        return combine(*(sample.mean(axis=axis) for sample in samples))

    for method in ("BCa", "percentile"):  # BCa is undefined where leaving any one image out changes nothing
        rng = _Replayed(seed) if len(arrays) == 1 else np.random.default_rng(seed)
        with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
            warnings.simplefilter("ignore", stats.DegenerateDataWarning)
            result = stats.bootstrap(arrays, statistic, n_resamples=RESAMPLES, method=method, rng=rng)
        limits = result.confidence_interval
        if np.isfinite(limits.low) and np.isfinite(limits.high):
            break
    return float(limits.low), float(limits.high)


class _Replayed(np.random.Generator):
    """The generator of a seed whose first draw is kept: the resamples of n images are the same for every metric.

    For one draw alone; a second one of the same size would repeat it.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(np.random.default_rng(seed).bit_generator)
        self.seed = seed

    def integers(self, low: int, high: int, size: tuple[int, ...], **options: Any) -> np.ndarray:  # type: ignore[override]
        """As of a fresh generator."""
        return _drawn(self.seed, low, high, tuple(size), tuple(options.items()))


@lru_cache(maxsize=2)
def _drawn(seed: int, low: int, high: int, size: tuple[int, ...], options: tuple[tuple[str, Any], ...]) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high, size, **dict(options))


@lru_cache(maxsize=2)
def _weights(count: int, seed: int) -> np.ndarray:
    """Share of each image in each resample, (RESAMPLES, count)."""
    if count == 0:
        return np.empty((RESAMPLES, 0))
    return np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=RESAMPLES) / count


def _with_interval(values: np.ndarray, count: int) -> tuple[float, Interval]:
    """The first value, of the whole data set, and the interval of the others, of the resamples."""
    if count < 2:
        return (float(values[0]) if count else float("nan")), UNDEFINED
    low, high = np.nanquantile(values[1:], _tails())
    return float(values[0]), (float(low), float(high))


def _tails() -> tuple[float, float]:
    return (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
