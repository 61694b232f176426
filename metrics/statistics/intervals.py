"""Means over images and how sure they are; on arrays of per-image values alone.

Intervals describe the sampling of images for one network, and nothing else.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from metrics.localisation import average_precision
from metrics.statistics.bootstrap import weighted
from metrics.statistics.moments import FEWEST, hit_limits, limits, moments, paired_hit_limits

BOX_LEVELS = (0.3, 0.5, 0.7)
OUTSIDE = 0.05  # of the intervals: they are 95 %

Interval = tuple[float, float]
UNDEFINED: Interval = (float("nan"), float("nan"))
Array = NDArray[np.float64]


def mean_interval(values: ArrayLike) -> Interval:
    """95 % interval of the mean over images, see `mean_intervals`; of defined values, (n,)."""
    return balanced_interval([values])


def mean_intervals(values: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """95 % intervals of the means of columns: Student's t, widened for skewness (see `metrics.statistics.moments`).

    Wilson's where a column holds 0 and 1 alone.

    Args:
        values: (n, m), NaN is undefined.

    Returns:
        Low and high, each (m,). NaN for fewer than 8 images, and where the values are not 0 and 1 and fewer than 8
        images differ from what most share.
    """
    array = np.asarray(values, dtype=float)
    low, high = limits(moments([array], [1.0]), OUTSIDE)
    hits = np.flatnonzero((np.isin(array, (0.0, 1.0)) | np.isnan(array)).all(axis=0))
    own = array[:, hits]
    low[hits], high[hits] = hit_limits(np.nansum(own, axis=0), (~np.isnan(own)).sum(axis=0).astype(float), OUTSIDE)
    return low, high


def balanced_mean(groups: Sequence[ArrayLike]) -> float:
    """Mean of the groups' means, so that each counts the same whatever its size; NaN if one is empty."""
    arrays = [np.asarray(group, dtype=float) for group in groups]
    return float(np.mean([group.mean() for group in arrays])) if all(len(group) for group in arrays) else float("nan")


def balanced_interval(groups: Sequence[ArrayLike]) -> Interval:
    """95 % interval of `balanced_mean`, as `mean_intervals` makes them; NaN too where a group has fewer than two."""
    if len(groups) == 1:
        low, high = mean_intervals(np.asarray(groups[0], dtype=float)[:, None])
        return float(low[0]), float(high[0])
    return _interval(groups, [1 / len(groups)] * len(groups))


def change_interval(groups: Sequence[ArrayLike]) -> Interval:
    """`balanced_interval` of differences, of one group those of hits too: -1, 0, 1 (Agresti and Min 2005)."""
    values = np.asarray(groups[0], dtype=float) if len(groups) == 1 else None
    if values is None or not np.isin(values, (-1.0, 0.0, 1.0)).all():
        return _interval(groups, [1 / len(groups)] * len(groups))
    more, fewer, total = (np.array([float(n)]) for n in ((values > 0).sum(), (values < 0).sum(), len(values)))
    low, high = paired_hit_limits(more, fewer, total, OUTSIDE)
    return float(low[0]), float(high[0])


def difference_interval(first: ArrayLike, second: ArrayLike) -> Interval:
    """95 % interval of mean(first) - mean(second) of unpaired images, with Welch's degrees of freedom."""
    return _interval([first, second], [1.0, -1.0])


def mean_band(curves: ArrayLike, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pointwise 95 % percentile bootstrap band of the mean curve; (n, points) to two arrays (points,).

    NaN for fewer than 8 curves.
    """
    array = np.asarray(curves, dtype=float)
    if len(array) < FEWEST:
        return np.full(array.shape[1], np.nan), np.full(array.shape[1], np.nan)
    low, high = np.quantile(weighted(len(array), seed, array), _tails(), axis=0)
    return low, high


def dataset_pxap(
    foreground: ArrayLike, background: ArrayLike, seed: int, images: ArrayLike | None = None
) -> tuple[float, Interval]:
    """Pixel average precision of the pooled pixels of all images, and its percentile bootstrap interval.

    Args:
        foreground: object pixels per bin of the scaled map, (n, bins).
        background: background pixels, (n, bins).
        seed: of the resampling.
        images: whose map each row is, (n,): those of one image are averaged first; None: each is an image.

    Returns:
        Value in [0, 1], higher is better (Choe et al. 2020); interval over images.
    """
    front, back = (_of_images(np.asarray(counts, dtype=float), images) for counts in (foreground, background))
    pooled = [
        np.vstack([counts.sum(axis=0) / max(len(counts), 1), weighted(len(counts), seed, counts)])
        for counts in (front, back)
    ]
    values = average_precision(*map(torch.from_numpy, pooled)).numpy()
    return _with_interval(values, len(front))


def max_box_acc_v2(box_iou: ArrayLike, seed: int, images: ArrayLike | None = None) -> tuple[float, Interval]:
    """MaxBoxAccV2: mean over IoU levels 0.3, 0.5, 0.7 of the best threshold's share of images at that level.

    Args:
        box_iou: best IoU per map and threshold, (n, thresholds).
        seed: of the resampling.
        images: as in `dataset_pxap`; of an image's maps the share counts that reaches the level.

    Returns:
        Value in [0, 1], higher is better (Choe et al. 2020); percentile bootstrap interval over images.
    """
    ious = np.asarray(box_iou, dtype=float)
    shares = []
    for level in BOX_LEVELS:
        reached = _of_images((ious >= level).astype(float), images)
        own = reached.sum(axis=0) / max(len(reached), 1)
        shares.append(np.vstack([own, weighted(len(reached), seed, reached)]).max(axis=1))
    values = np.mean(shares, axis=0)
    return _with_interval(values, len(reached))


def _interval(groups: Sequence[ArrayLike], weights: Sequence[float]) -> Interval:
    arrays = [np.asarray(group, dtype=float)[:, None] for group in groups]
    low, high = limits(moments(arrays, weights), OUTSIDE)
    return float(low[0]), float(high[0])


def _of_images(values: Array, images: ArrayLike | None) -> Array:
    """Rows of one image averaged, (n, k) to (images, k), in the order of their names."""
    if images is None:
        return values
    names, place, maps = np.unique(np.asarray(images), return_inverse=True, return_counts=True)
    if len(names) == len(values):
        return values
    sums = np.zeros((len(names), values.shape[1]))
    np.add.at(sums, place, values)
    return sums / maps[:, None]


def _with_interval(values: np.ndarray, count: int) -> tuple[float, Interval]:
    """The first value, of the whole data set, and the interval of the others, of the resamples."""
    if count < FEWEST:
        return (float(values[0]) if count else float("nan")), UNDEFINED
    low, high = np.nanquantile(values[1:], _tails())
    return float(values[0]), (float(low), float(high))


def _tails() -> tuple[float, float]:
    return OUTSIDE / 2, 1 - OUTSIDE / 2
