"""Methods that change the activations and ask the rest of the network: one pass from the layer on per change.

A (B, C, h, w) are activations, z (B, K) logits, head the rest of the network.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from cam.family.scaling import unit
from cam.family.weights import weighted
from cam.passes import BUDGET, in_parts, rows_within

Head = Callable[..., Tensor]


def replaced_logits(
    head: Head,
    activations: Tensor,
    each: int,
    change: Callable[[Tensor, Tensor], Tensor],
    numbers: Tensor | None = None,
) -> Tensor:
    """Logits of `each` changes of every image's activations, (B, each, K).

    Args:
        head: the rest of the network.
        activations: A.
        each: changes per image.
        change: activations (R, C, h, w) and the numbers of their changes (R,) to what is put in their place.
        numbers: only of these changes, (R,) from 0 to B * each - 1; then (R, K).
    """
    wanted = torch.arange(len(activations) * each, device=activations.device) if numbers is None else numbers

    def run(rows: slice) -> Tensor:
        owner = wanted[rows] // each
        return head(change(activations[owner], wanted[rows] % each), of=owner).float()

    with torch.no_grad():
        size = rows_within(BUDGET, 4 * 3 * activations[0].numel())
        found = in_parts(len(wanted), size, run)
        return found.unflatten(0, (len(activations), each)) if numbers is None else found


def ablationcam(activations: Tensor, logits: Tensor, head: Head) -> Tensor:
    """Ablation-CAM: S[k] = sum_c a[k, c] A[c], a = (z_k - z_k without channel c) / |z_k|.

    The channel is set to 0; one that is 0 everywhere costs no pass and changes nothing. The paper divides by z_k, which
    it takes to be positive; with |z_k| a map does not turn over where it is not. Undefined where z_k is 0. Behind a
    linear tail a |z_k| is the channel's sum times Grad-CAM's weight.

    Source: Desai and Ramaswamy, "Ablation-CAM", WACV 2020, equations 3 and 4.

    Args:
        activations: A.
        logits: z.
        head: the rest of the network.

    Returns:
        Signed map. Range: the reals.
    """
    channels = activations.shape[1]
    numbers = torch.arange(channels, device=activations.device)

    def without(values: Tensor, channel: Tensor) -> Tensor:
        return values.masked_fill((channel[:, None] == numbers)[..., None, None], 0)

    left = logits[:, None].repeat(1, channels, 1)  # (B, C, K)
    if len(active := (activations != 0).any(dim=(-2, -1)).flatten().nonzero()[:, 0]):
        left.view(-1, left.shape[2])[active] = replaced_logits(head, activations, channels, without, active)
    fall = logits[:, None] - left
    return weighted((fall / logits.abs()[:, None]).transpose(1, 2), activations)


def reciprocam(activations: Tensor, size: tuple[int, int], head: Head) -> Tensor:
    """Recipro-CAM: S[k] at a cell = p_k with only that cell and, weaker, its neighbours left of A; scaled to 0..1.

    What is left is A times a 3 x 3 bell (1 2 1; 2 4 2; 1 2 1) / 16 around the cell.

    Source: Byun and Lee, "ReciproCAM", CVPR Workshops 2024, arXiv 2209.14074.

    Args:
        activations: A.
        size: (h, w).
        head: the rest of the network.

    Returns:
        Map from 0 to 1, of probabilities; 0 where they are all the same.
    """
    cells = size[0] * size[1]
    bell = activations.new_tensor([1.0, 2, 1])
    points = torch.eye(cells, device=activations.device).view(cells, 1, *size)
    left = F.conv2d(points, (bell[:, None] * bell / 16)[None, None], padding=1)  # (h w, 1, h, w)
    found = replaced_logits(head, activations, cells, lambda values, cell: values * left[cell]).softmax(dim=2)
    return unit(found.transpose(1, 2).unflatten(2, size))
