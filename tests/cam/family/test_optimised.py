import pytest
import torch
import torch.nn.functional as F

from cam import METHODS, MapBatch, Network, maps_of, tap_for
from cam.family.optimised import opticam


def found(network, images, batch_size=32):
    of, methods = Network(network), {"o": METHODS["opticam"]}
    return maps_of(MapBatch(of, tap_for(of, images, ["late"], methods), images, ("a",), 0, batch_size), methods)[
        "o", "late"
    ]


@pytest.mark.parametrize("batch_size", [1, 32])
def test_opticam_equals_plain_autograd(two_stages, images, batch_size):
    maps = found(two_stages, images[:1], batch_size)[0]
    a = two_stages.late(two_stages.pool(two_stages.early(images[:1])))
    for k, one in enumerate(maps):
        free = torch.zeros(1, 5, requires_grad=True)
        adam = torch.optim.Adam([free], lr=0.1)
        for _ in range(100):
            mask = F.interpolate((free.softmax(1)[..., None, None] * a).sum(1, keepdim=True), (8, 6), mode="bilinear")
            mask = (mask - mask.min()) / (mask.max() - mask.min())
            adam.zero_grad()
            (-two_stages(images[:1] * mask)[0, k]).backward()
            adam.step()
        expected = (free.softmax(1)[..., None, None] * a).sum(1)[0].detach()
        # Its scale is left to rounding in the plain computation; see there.
        torch.testing.assert_close(one / one.max(), expected / expected.max(), rtol=1e-3, atol=1e-3)


def test_the_masked_image_scores_more_than_under_equal_weights(two_stages, images):
    def logits(maps):
        mask = F.interpolate(maps.flatten(0, 1)[:, None], (8, 6), mode="bilinear").unflatten(0, maps.shape[:2])
        low, high = mask.amin((-2, -1), keepdim=True), mask.amax((-2, -1), keepdim=True)
        seen = images[:, None] * ((mask - low) / (high - low))
        return torch.stack([two_stages(seen[:, k])[:, k] for k in range(3)], dim=1)

    a = two_stages.late(two_stages.pool(two_stages.early(images)))
    equal = a.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    assert (logits(found(two_stages, images)) >= logits(equal) - 1e-3).all()


def test_no_step_leaves_the_mean_of_the_channels():
    a = torch.rand(2, 3, 4, 4)
    mean = a.mean(dim=1, keepdim=True).expand(-1, 2, -1, -1)
    torch.testing.assert_close(opticam(a, 2, lambda images: (images, None), lambda *_, **__: None, steps=0), mean)


def test_the_batch_decides_nothing(two_stages, images):
    alone = torch.cat([found(two_stages, images[i : i + 1], 1) for i in range(2)])
    assert torch.equal(alone, found(two_stages, images[:2]))
