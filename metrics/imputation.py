"""Noisy linear imputation: missing pixels become a weighted mean of their neighbours, all of an image at once.

Direct neighbours weigh 1/6, diagonal ones 1/12, those beyond the border nothing; what is missing among them is unknown
as well, so that every image is a sparse linear system (L + c) x = b over its missing pixels: L the graph's Laplacian, c
and b what known neighbours weigh and show. It is solved on the device for all images together, by conjugate gradients
under a multigrid preconditioner: two by two pixels become one on the next grid, whose system is the sum of theirs.
Source: Rong et al., "A Consistent and Efficient Evaluation Strategy for Attribution Methods" (ROAD), ICML 2022.
"""

from collections.abc import Iterable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from cam.seeds import drawn

IMPUTED = "linear"  # in the names of curves: pixels are imputed instead of replaced by a substrate
NOISE = 0.01  # standard deviation of what is added, in units of [0, 1]
TOLERANCE = 3e-4  # largest difference of a missing pixel and the weighted mean of its neighbours
LONGEST = 500  # conjugate gradients end in some ten steps; a guard
COARSEST = 4  # side of the last grid
DAMPING = 0.8  # of Jacobi's steps
SOFTER = 0.55  # a coarse system of constant pieces is twice too stiff
NEIGHBOURS = ((0, 1, 1 / 6), (1, 0, 1 / 6), (1, 1, 1 / 12), (1, -1, 1 / 12))  # and their opposites


def impute(images: Tensor, missing: Tensor, noise: Tensor | None = None, *, tolerance: float = TOLERANCE) -> Tensor:
    """The images with their missing pixels filled in.

    Args:
        images: (..., 3, H, W) in [0, 1]; what missing pixels show does not matter.
        missing: (..., 1, H, W) bool, broadcast against the images. Where nothing is known, pixels become 0.5.
        noise: standard normal numbers, broadcast likewise; `NOISE` times them is added where pixels are missing.
        tolerance: how exactly the system is solved.

    Returns:
        (..., 3, H, W) in [0, 1].
    """
    whole = torch.broadcast_shapes(images.shape, missing.shape)
    pictures = images.expand(whole).reshape(-1, *whole[-3:])
    holes = missing.expand(*whole[:-3], 1, *whole[-2:]).reshape(-1, 1, *whole[-2:])
    filled = _solved(pictures, holes, tolerance).view(whole)
    if noise is not None:
        filled = torch.where(missing, filled + NOISE * noise, filled)
    return filled.clamp(0, 1)


def imputation_noise(images: Tensor, ids: Iterable[str], seed: int) -> Tensor:
    """Standard normal numbers like the images (B, 3, H, W), which an image's id and the run's seed decide alone."""
    shape = tuple(images.shape[1:])
    return drawn(ids, seed, lambda random: random.standard_normal(shape), "imputation").to(images)


def _solved(images: Tensor, missing: Tensor, tolerance: float) -> Tensor:
    """(N, 3, H, W): the known pixels, and the solution of the system at the missing ones."""
    hole = missing.to(images.dtype)
    known = torch.where(missing, 0, images)
    start = torch.where(missing, _coarse_to_fine(known, 1 - hole), 0)
    grids = _grids(hole)
    finest = grids[0]
    shown = sum(weight * _at(known, y, x) for y, x, weight in _both_ways())
    solution = start
    residual = hole * shown - finest.system(start)
    step = ahead = _preconditioned(grids, residual)
    size_before = (residual * ahead).sum(dim=(-2, -1), keepdim=True)
    for _ in range(LONGEST):
        live = (residual / finest.diagonal).abs().amax(dim=(-2, -1), keepdim=True) > tolerance
        if not live.any():
            break
        moved = finest.system(step)
        # an image that has arrived stays as it is, so that nothing depends on its neighbours in the batch
        length = torch.where(live, size_before / (step * moved).sum(dim=(-2, -1), keepdim=True), 0)
        solution = solution + length * step
        residual = residual - length * moved
        ahead = _preconditioned(grids, residual)
        size_now = (residual * ahead).sum(dim=(-2, -1), keepdim=True)
        step = ahead + torch.where(live, size_now / size_before, 0) * step
        size_before = size_now
    return known + solution


class _Grid:
    """The system of one grid: diagonal v - sum of weights times neighbours, both of one channel, (N, 1, h, w)."""

    def __init__(self, edges: list[Tensor], outward: Tensor) -> None:
        """Takes the weights towards four neighbours (`NEIGHBOURS`), and that of all known pixels around a cell."""
        self.edges, self.outward = edges, outward
        pairs = list(zip(edges, NEIGHBOURS, strict=True))
        self.links = [(w, y, x) for w, (y, x, _) in pairs] + [(_at(w, -y, -x), -y, -x) for w, (y, x, _) in pairs]
        total = outward + sum(weight for weight, _, _ in self.links)
        self.inside = (total > 0).to(total.dtype)
        self.diagonal = torch.where(total > 0, total, 1)

    def system(self, values: Tensor) -> Tensor:
        """(L + c) v, (N, 3, h, w)."""
        height, width = values.shape[-2:]
        padded = F.pad(values, (1, 1, 1, 1))
        found = self.diagonal * values
        for weight, y, x in self.links:
            found = found.addcmul_(weight, padded[..., 1 + y : 1 + y + height, 1 + x : 1 + x + width], value=-1)
        return found

    def coarser(self) -> "_Grid":
        """The system of blocks of 2 x 2 cells that all have one value."""
        found = [torch.zeros_like(_summed(self.outward)) for _ in NEIGHBOURS]
        height, width = (-(-side // 2) * 2 for side in self.outward.shape[-2:])
        rows, columns = torch.arange(height) % 2, torch.arange(width) % 2
        for edge, (y, x, _) in zip(self.edges, NEIGHBOURS, strict=True):
            down, across = (rows + y).div(2, rounding_mode="floor"), (columns + x).div(2, rounding_mode="floor")
            for place, (block_y, block_x, _) in enumerate(NEIGHBOURS):
                there = _product(down == block_y, across == block_x, edge)
                found[place] = found[place] + _summed(_even(edge) * there)
            backwards = _product(down == 0, across == -1, edge)  # the block to the left, whose right edge it is
            found[0] = found[0] + _at(_summed(_even(edge) * backwards), 0, 1)
        return _Grid([SOFTER * edge for edge in found], SOFTER * _summed(self.outward))


def _grids(hole: Tensor) -> list[_Grid]:
    """From the pixels to a few cells; hole is 1 where a pixel is missing, (N, 1, H, W)."""
    edges = [weight * hole * _at(hole, y, x) for y, x, weight in NEIGHBOURS]
    outward = sum(weight * hole * _at(1 - hole, y, x) for y, x, weight in _both_ways())
    grids = [_Grid(edges, torch.as_tensor(outward))]
    while max(grids[-1].outward.shape[-2:]) > COARSEST:
        grids.append(grids[-1].coarser())
    return grids


def _preconditioned(grids: list[_Grid], residual: Tensor) -> Tensor:
    """One V-cycle of multigrid: a Jacobi step before and after the coarser grids' correction; symmetric."""
    grid, *rest = grids
    share = DAMPING * grid.inside / grid.diagonal
    values = share * residual
    if rest:
        coarse = _preconditioned(rest, _summed(residual - grid.system(values)))
        values = values + _spread(coarse, residual.shape[-2:]) * grid.inside
    return values + share * (residual - grid.system(values))


def _coarse_to_fine(known: Tensor, weight: Tensor) -> Tensor:
    """A first guess: every unknown pixel shows the mean of the smallest block around it with known ones."""
    if max(weight.shape[-2:]) <= 1:
        return known + 0.5 * (weight == 0)
    count = _summed(weight)
    mean = _summed(known * weight) / count.clamp_min(1)
    coarse = _coarse_to_fine(torch.where(count > 0, mean, 0), (count > 0).to(weight.dtype))
    return torch.where(weight > 0, known, _spread(coarse, known.shape[-2:]))


def _both_ways() -> Iterator[tuple[int, int, float]]:
    """All eight neighbours: rows down, columns to the right, weight."""
    for y, x, weight in NEIGHBOURS:
        yield y, x, weight
        yield -y, -x, weight


def _at(values: Tensor, y: int, x: int) -> Tensor:
    """What the neighbour y below and x to the right has; 0 beyond the border."""
    height, width = values.shape[-2:]
    return F.pad(values, (1, 1, 1, 1))[..., 1 + y : 1 + y + height, 1 + x : 1 + x + width]


def _even(values: Tensor) -> Tensor:
    return F.pad(values, (0, values.shape[-1] % 2, 0, values.shape[-2] % 2))


def _summed(values: Tensor) -> Tensor:
    """Sums of 2 x 2 cells."""
    return F.avg_pool2d(_even(values), 2, divisor_override=1)


def _spread(values: Tensor, size: torch.Size) -> Tensor:
    """Every cell four times."""
    return values.repeat_interleave(2, dim=-2).repeat_interleave(2, dim=-1)[..., : size[0], : size[1]]


def _product(rows: Tensor, columns: Tensor, like: Tensor) -> Tensor:
    return (rows[:, None] & columns[None]).to(like)
