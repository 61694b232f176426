"""Localisation: does the map sit on the animal, or on its face?

Masks are (N, H, W) uint8: 1 object, 0 background, 255 ignore (left out of every sum). Maps are upsampled, (N, H, W), at
least 0. All give (N,) unless they say otherwise; NaN where the mask has no object pixel, or the map is not finite.
"""

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from metrics.scaling import min_max_scaled

OBJECT, IGNORE = 1, 255
TOLERANCE = 15  # pixels, Zhang et al. 2018
BINS = 256
BOX_THRESHOLDS = 20
_IN_PLANE = np.zeros((3, 3, 3), dtype=bool)
_IN_PLANE[1] = True  # 8-connected within a plane, planes apart


def pointing_game(upsampled: Tensor, ranks: Tensor, mask: Tensor) -> Tensor:
    """1 where the map's highest pixel is within 15 px of the object, else 0; an empty map is a miss.

    Ties for the highest pixel are broken as in the deletion order. Higher is better. Source: Zhang et al., "Top-Down
    Neural Attention by Excitation Backprop", IJCV 2018.
    """
    _, height, width = mask.shape
    top = (ranks == 0).flatten(1).int().argmax(dim=1)  # (N,)
    rows = torch.arange(height, device=mask.device)
    columns = torch.arange(width, device=mask.device)
    square = (rows - (top // width)[:, None]).square()[:, :, None] + (columns - (top % width)[:, None]).square()[
        :, None
    ]
    near = ((square <= TOLERANCE**2) & (mask == OBJECT)).flatten(1).any(dim=1)
    highest = upsampled.flatten(1).amax(dim=1)
    hit = (near & (highest > 0)).double()
    return hit.masked_fill(~(_has_object(mask) & highest.isfinite()), torch.nan)


def energy_in_mask(upsampled: Tensor, mask: Tensor) -> Tensor:
    """Share of the map's mass on the animal: sum over object of M / sum over object and background of M.

    Range [0, 1], higher is better for the right class; the animal's share of the area is what a uniform map scores. NaN
    for an empty map. Source: Wang et al., "Score-CAM", CVPR workshops 2020 (energy-based pointing game).
    """
    return _energy(upsampled, mask)


def energy_in_face(upsampled: Tensor, face: Tensor) -> Tensor:
    """Share of the map's mass in the head box (see `energy_in_mask`). Range [0, 1], higher is better."""
    return _energy(upsampled, face)


def off_target_mass(upsampled: Tensor, mask: Tensor) -> Tensor:
    """1 - energy_in_mask: mass beside the animal. Range [0, 1]; for the wrong class higher means it sits on nothing."""
    return 1 - _energy(upsampled, mask)


def mask_area(mask: Tensor) -> Tensor:
    """Share of the image that is animal, what a uniform map scores in `energy_in_mask`. Range [0, 1]."""
    area = (mask == OBJECT).flatten(1).sum(1).double() / (mask != IGNORE).flatten(1).sum(1)
    return area.masked_fill(~_has_object(mask), torch.nan)


def own_animal_share(upsampled: Tensor, mask: Tensor, other_mask: Tensor) -> Tensor:
    """On an image of both animals: mass on the target's own animal / mass on either.

    Range [0, 1], higher is better; pixels on both (overlapping boxes) are left out. NaN where no mass is on either.
    """
    own = (mask == OBJECT) & (other_mask != OBJECT)
    other = (other_mask == OBJECT) & (mask != OBJECT)
    mass_own = _mass(upsampled, own)
    mass = mass_own + _mass(upsampled, other)
    share = mass_own / mass.masked_fill(mass == 0, torch.nan)
    return share.masked_fill(~(_has_object(mask) & _has_object(other_mask)), torch.nan)


def rank_accuracy(ranks: Tensor, mask: Tensor) -> Tensor:
    """|top K and object| / K, K the number of object pixels; ignored pixels do not count.

    Range [0, 1], higher is better. Source: Arras et al., "CLEVR-XAI", Information Fusion 2022.
    """
    order = ranks.flatten(1).long()
    labels = torch.zeros_like(mask.flatten(1)).scatter(1, order, mask.flatten(1))  # mask along the order
    position = (labels != IGNORE).long().cumsum(1)  # 1 for the first pixel that counts
    size = (labels == OBJECT).sum(1)
    hits = ((labels == OBJECT) & (position <= size[:, None])).sum(1)
    return hits / size.masked_fill(size == 0, 1) + torch.where(size == 0, torch.nan, 0.0)


def pxap(upsampled: Tensor, mask: Tensor) -> Tensor:
    """Pixel average precision of one image: the map as a score of object against background, exactly.

    Sum over the map's distinct values, high to low, of the precision among the pixels at or above it times the gain in
    recall there; pixels of equal value are called together. Range [0, 1], higher is better; an empty or constant map
    scores the animal's share of the area. The dataset-level value pools the pixels of all images instead. Source: Choe
    et al., "Evaluating Weakly Supervised Object Localization Methods Right", CVPR 2020.
    """
    values, order = upsampled.flatten(1).sort(dim=1, descending=True)
    labels = mask.flatten(1).gather(1, order)
    true = (labels == OBJECT).long().cumsum(1)
    called = (labels != IGNORE).long().cumsum(1)
    last = torch.ones_like(labels, dtype=torch.bool)  # of the pixels of its value
    last[:, :-1] = values[:, 1:] != values[:, :-1]
    before = torch.where(last, true, 0).cummax(1).values.roll(1, 1)  # hits above this value
    before[:, 0] = 0
    precision = true.double() / called.clamp_min(1)
    found = (precision * (true - before) * last).sum(1) / true[:, -1]
    return found.masked_fill(~(upsampled.flatten(1).isfinite().all(dim=1) & (true[:, -1] > 0)), torch.nan)


def pixel_histograms(upsampled: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Object and background pixels per bin of the square root of the min-max scaled map, each (N, 256) int64.

    Bin 0 holds the pixels at the map's minimum and no others, bins 1 to 255 are of equal width: half of a map's pixels
    often lie below a tenth of its maximum. A map that is not finite has no pixels.
    """
    scaled = min_max_scaled(upsampled).flatten(1)
    bins = 1 + (scaled.nan_to_num(0).sqrt() * (BINS - 1)).long().clamp_(0, BINS - 2)
    bins = bins.masked_fill(scaled == 0, 0)
    labels = mask.flatten(1).masked_fill(~scaled.isfinite().all(dim=1, keepdim=True), IGNORE)
    empty = torch.zeros(len(bins), BINS, dtype=torch.int64, device=bins.device)
    return empty.scatter_add(1, bins, (labels == OBJECT).long()), empty.scatter_add(1, bins, (labels == 0).long())


def average_precision(foreground: Tensor, background: Tensor) -> Tensor:
    """Area under precision against recall of pixels counted in bins; (..., bins) counts to (...) float64.

    Pixels of the lowest bin are one tie. Inside the others, whose pixels have different values, the two kinds are taken
    as evenly mixed: with f of n pixels object, T of C above the bin, the bin adds the integral over t in [0, 1] of
    f (T + f t) / (C + n t). On photographs this is within 0.0006 of the exact value of one image, and within 0.0002 of
    that of the pooled pixels of two dozen; taking each bin as one tie is up to ten times further off.
    """
    gain = foreground.flip(-1).double()
    count = gain + background.flip(-1)
    true, called = gain.cumsum(-1) - gain, count.cumsum(-1) - count  # above the bin
    share = gain / count.clamp_min(torch.finfo(torch.float64).tiny)
    mixed = (true - share * called) * torch.log1p(count / called) / count  # NaN where nothing is above, or in the bin
    area = gain * (share + torch.where((called > 0) & (count > 0), mixed, 0))
    tie = gain * (true + gain) / (called + count)
    area[..., -1] = torch.where(gain[..., -1] > 0, tie[..., -1], 0)
    total = gain.sum(-1)
    return area.sum(-1) / total.masked_fill(total == 0, torch.nan)


def box_ious(upsampled: Tensor, mask: Tensor) -> Tensor:
    """Best IoU of a component's box with the object's box, per threshold of the min-max scaled map.

    Boxes of 8-connected components of M > i / 20, i = 0 to 19, against the bounding box of the object pixels. Runs on
    the host (scipy). Source: Choe et al., CVPR 2020 (MaxBoxAccV2 takes these over a data set).

    Returns:
        (N, 20) float64 on the CPU; NaN where the mask has no object pixel, or the map is not finite.
    """
    thresholds = torch.arange(BOX_THRESHOLDS, device=upsampled.device) / BOX_THRESHOLDS
    scaled = min_max_scaled(upsampled)
    best = np.full((len(upsampled), BOX_THRESHOLDS), np.nan)
    usable = _has_object(mask) & upsampled.flatten(1).isfinite().all(dim=1)
    for n in torch.nonzero(usable).flatten().tolist():
        planes = scaled[n] > thresholds[:, None, None]  # (20, H, W)
        found = ndimage.find_objects(ndimage.label(planes.cpu().numpy(), structure=_IN_PLANE)[0])
        boxes = np.array([[(s.start, s.stop) for s in slices] for slices in found], dtype=int).reshape(-1, 3, 2)
        truth = ndimage.find_objects((mask[n] == OBJECT).int().cpu().numpy())[0]
        best[n] = 0.0  # an empty map has no box
        np.maximum.at(best[n], boxes[:, 0, 0], _iou(boxes[:, 1:], np.array([(s.start, s.stop) for s in truth])))
    return torch.from_numpy(best)


def _iou(boxes: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """IoU of boxes (n, 2, 2) with one box (2, 2); the last axis is start and stop in pixels."""
    overlap = np.minimum(boxes[..., 1], truth[:, 1]) - np.maximum(boxes[..., 0], truth[:, 0])
    intersection = overlap.clip(min=0).prod(axis=-1)
    areas = (boxes[..., 1] - boxes[..., 0]).prod(axis=-1) + (truth[:, 1] - truth[:, 0]).prod()
    return intersection / (areas - intersection)


def _energy(maps: Tensor, mask: Tensor) -> Tensor:
    mass, total = _mass(maps, mask == OBJECT), _mass(maps, mask != IGNORE)
    share = mass / total.masked_fill(total == 0, torch.nan)
    return share.masked_fill(~_has_object(mask), torch.nan)


def _mass(maps: Tensor, where: Tensor) -> Tensor:
    """Sum of M over some pixels, (N,) float64, in which nothing overflows; NaN for a map that is not finite."""
    return (maps * where).sum(dim=(1, 2), dtype=torch.float64)


def _has_object(mask: Tensor) -> Tensor:
    return (mask == OBJECT).flatten(1).any(dim=1)
