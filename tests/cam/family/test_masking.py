"""Every method against a loop over images, masks and classes."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cam import METHODS, MapBatch, Network, maps_of, tap_for
from cam.family.masking import blurred
from cam.seeds import named_generator

LAYER, IDS = "late", ("a", "b", "c", "d")


def found(network, images, name, batch_size=32):
    of, methods = Network(network), {name: METHODS[name]}
    return maps_of(MapBatch(of, tap_for(of, images, [LAYER], methods), images, IDS, 7, batch_size), methods)[
        name, LAYER
    ]


def activations(network, image):
    return network.late(network.pool(network.early(image[None])))[0]


def enlarged(mask: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    return F.interpolate(mask[None, None], image.shape[1:], mode="bilinear")[0, 0]


def scaled(mask: torch.Tensor) -> torch.Tensor:
    return (mask - mask.min()) / (mask.max() - mask.min()) if mask.max() > mask.min() else torch.zeros_like(mask)


def compare(maps: torch.Tensor, expected: torch.Tensor, rounding: float = 1e-7) -> None:
    torch.testing.assert_close(maps, expected, rtol=1e-5, atol=max(rounding, 1e-5 * float(expected.abs().amax())))


def score_weighted(network, image, masks_of) -> torch.Tensor:
    """Channels weighted by the softmax of the mean logits under their masks, (K, h, w)."""
    a = activations(network, image)
    logits = torch.stack(
        [torch.stack([network((image * m)[None])[0] for m in masks_of(a, c)]).mean(0) for c in range(len(a))]
    )
    return torch.einsum("ck,chw->khw", logits.softmax(dim=0), a)


@pytest.mark.parametrize("batch_size", [1, 32])
def test_scorecam(two_stages, images, batch_size):
    maps = found(two_stages, images, "scorecam", batch_size)
    for image, one in zip(images, maps, strict=True):
        compare(one, score_weighted(two_stages, image, lambda a, c, x=image: [scaled(enlarged(a[c], x))]))


def test_a_channel_that_is_the_same_everywhere_hides_all(two_stages, images):
    two_stages.late[0].weight[0], two_stages.late[0].bias[0] = 0, 2
    maps = found(two_stages, images, "scorecam")
    compare(maps[0], score_weighted(two_stages, images[0], lambda a, c: [scaled(enlarged(a[c], images[0]))]))
    assert maps.isfinite().all()


def test_masks_that_hide_all_are_scored_once_for_an_image(two_stages, images):
    two_stages.late[0].weight[:2], two_stages.late[0].bias[0], two_stages.late[0].bias[1] = 0, 2, -1
    of, methods, scored = Network(two_stages), {"scorecam": METHODS["scorecam"]}, []
    tapped = tap_for(of, images, [LAYER], methods)
    channels = tapped.activations[LAYER].shape[1]
    same = (tapped.activations[LAYER].flatten(2).std(dim=2) == 0).sum(dim=1)
    assert (same >= 2).all()

    def score(seen):
        scored.append(len(seen))
        return two_stages(seen)

    maps_of(MapBatch(of, tapped, images, IDS, 7, 32, score), methods)
    assert sum(scored) == len(images) * channels - int((same - 1).sum())


def test_sscam(two_stages, images):
    maps = found(two_stages, images, "sscam")
    for name, image, one in zip(IDS, images, maps, strict=True):

        def masks(a, c, image=image, name=name):
            noise = [named_generator(7, name, "sscam", n).standard_normal(a.shape) for n in range(10)]
            return [scaled(enlarged(a[c] + 2 * torch.from_numpy(one[c]).float(), image)) for one in noise]

        compare(one, score_weighted(two_stages, image, masks))


def test_iscam(two_stages, images):
    maps = found(two_stages, images, "iscam")
    for image, one in zip(images, maps, strict=True):

        def masks(a, c, image=image):
            return [scaled(enlarged(a[c], image)) * i / 10 for i in range(1, 11)]

        compare(one, score_weighted(two_stages, image, masks))


def test_groupcam(two_stages, images):
    maps = found(two_stages, images, "groupcam")
    for image, one in zip(images, maps, strict=True):
        behind = blurred(image[None])[0]
        for k in range(3):
            a = activations(two_stages, image).detach().requires_grad_()
            with torch.enable_grad():
                (g,) = torch.autograd.grad(two_stages.head(a.mean(dim=(1, 2)))[k], a)
            total = torch.zeros(a.shape[1:])
            for channel, weight in zip(a.detach(), g.mean(dim=(1, 2)), strict=True):  # fewer channels than groups
                mask = (weight * channel).relu()
                mask[mask <= np.percentile(mask.numpy(), 70)] = 0
                large = enlarged(mask, image)
                if large.max() == large.min():
                    continue
                seen = image * scaled(large) + behind * (1 - scaled(large))
                gain = [two_stages(x[None]).softmax(1)[0, k] for x in (seen, behind)]
                total += (gain[0] - gain[1]) * (mask - large.min()) / (large.max() - large.min())
            # a gain is the small difference of two probabilities near 1/3, and each of those rounds by itself
            compare(one[k], total, rounding=len(a) * torch.finfo(torch.float32).eps)


def test_neighbouring_channels_share_a_group():
    from cam.family.masking import groupcam

    a = torch.rand(1, 64, 3, 3, generator=torch.Generator().manual_seed(0))
    seen = []

    def score(images):
        seen.append(len(images))
        return torch.zeros(len(images), 2)

    groupcam(a, torch.ones(1, 2, 64, 3, 3), torch.rand(1, 3, 8, 8), score)
    assert seen == [1, 2 * 32]


def test_the_blur_keeps_what_is_flat_and_takes_small_pictures():
    torch.testing.assert_close(blurred(torch.full((1, 3, 60, 9), 0.4)), torch.full((1, 3, 60, 9), 0.4))
    line = torch.zeros(1, 1, 1, 101)
    line[..., 50] = 1
    spread = blurred(line)[0, 0, 0]
    bell = torch.exp(-(torch.arange(-25.0, 26) / 50).square() / 2)
    torch.testing.assert_close(spread[25:76], bell / bell.sum())
    assert spread[:25].count_nonzero() == 0
