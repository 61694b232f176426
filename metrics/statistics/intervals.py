"""Means over images and how sure they are; on arrays of per-image values alone.

Intervals describe the sampling of images for one network, and nothing else.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike

from metrics.localisation import average_precision
from metrics.statistics.bootstrap import CONFIDENCE, bca_limits, weighted

BOX_LEVELS = (0.3, 0.5, 0.7)

Interval = tuple[float, float]
UNDEFINED: Interval = (float("nan"), float("nan"))


def mean_interval(values: ArrayLike, seed: int) -> Interval:
    """95 % interval of the mean over images: BCa bootstrap (Efron 1987), 2000 resamples (see `statistics.bootstrap`).

    Args:
        values: one per image, defined, (n,).
        seed: of the resampling.

    Returns:
        Low and high; the common value where all are equal, NaN for fewer than two images.
    """
    return balanced_interval([values], seed)


def mean_intervals(values: ArrayLike, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`mean_interval` of every column at once.

    Args:
        values: (n, m), NaN is undefined; columns that are defined on as many images share their resamples.
        seed: of the resampling.

    Returns:
        Low and high, each (m,).
    """
    array = np.asarray(values, dtype=float)
    low, high = np.full((2, array.shape[1]), np.nan)
    defined = ~np.isnan(array)
    for pattern in np.unique(defined, axis=1).T if array.size else ():
        columns = np.flatnonzero((defined == pattern[:, None]).all(axis=0))
        own = array[pattern][:, columns]
        if len(own) < 2:
            continue
        low[columns], high[columns] = bca_limits([own], [1.0], seed)
        level = np.ptp(own, axis=0) == 0
        low[columns[level]] = high[columns[level]] = own[0, level]
    return low, high


def balanced_mean(groups: Sequence[ArrayLike]) -> float:
    """Mean of the groups' means, so that each counts the same whatever its size; NaN if one is empty."""
    arrays = [np.asarray(group, dtype=float) for group in groups]
    return float(np.mean([group.mean() for group in arrays])) if all(len(group) for group in arrays) else float("nan")


def balanced_interval(groups: Sequence[ArrayLike], seed: int) -> Interval:
    """95 % BCa interval of `balanced_mean`, resampling within the groups."""
    return _interval(groups, [1 / len(groups)] * len(groups), seed)


def difference_interval(first: ArrayLike, second: ArrayLike, seed: int) -> Interval:
    """95 % BCa interval of mean(first) - mean(second) of unpaired images."""
    return _interval([first, second], [1.0, -1.0], seed)


def mean_band(curves: ArrayLike, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pointwise 95 % percentile bootstrap band of the mean curve; (n, points) to two arrays (points,)."""
    array = np.asarray(curves, dtype=float)
    means = weighted(len(array), seed, array)
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
    pooled = [
        np.vstack([counts.sum(axis=0) / max(len(counts), 1), weighted(len(counts), seed, counts)])
        for counts in (front, back)
    ]
    values = average_precision(*map(torch.from_numpy, pooled)).numpy()
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
    shares = []
    for level in BOX_LEVELS:
        reached = (ious >= level).astype(float)
        own = reached.sum(axis=0) / max(len(ious), 1)
        shares.append(np.vstack([own, weighted(len(ious), seed, reached)]).max(axis=1))
    values = np.mean(shares, axis=0)
    return _with_interval(values, len(ious))


def _interval(groups: Sequence[ArrayLike], weights: Sequence[float], seed: int) -> Interval:
    arrays = [np.asarray(group, dtype=float) for group in groups]
    if min(map(len, arrays)) < 2:
        return UNDEFINED
    if all(np.ptp(array) == 0 for array in arrays):
        point = float(sum(weight * array[0] for weight, array in zip(weights, arrays, strict=True)))
        return point, point
    low, high = bca_limits([array[:, None] for array in arrays], weights, seed)
    return float(low[0]), float(high[0])


def _with_interval(values: np.ndarray, count: int) -> tuple[float, Interval]:
    """The first value, of the whole data set, and the interval of the others, of the resamples."""
    if count < 2:
        return (float(values[0]) if count else float("nan")), UNDEFINED
    low, high = np.nanquantile(values[1:], _tails())
    return float(values[0]), (float(low), float(high))


def _tails() -> tuple[float, float]:
    return (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
