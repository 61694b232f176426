import torch

from metrics import INPUTS, METRICS
from metrics.inputs import BatchInputs, MapInputs, negated
from metrics.ordering import tie_permutation
from metrics.registry import FORWARD


def inputs(images: int = 2, masks: bool = True) -> MapInputs:
    generator = torch.Generator().manual_seed(0)
    annotation = torch.randint(0, 2, (images, 2, 8, 8), dtype=torch.uint8, generator=generator) if masks else None
    batch = BatchInputs(
        size=(8, 8),
        permutations=torch.stack([tie_permutation(str(i), 64, 0) for i in range(images)]),
        logits=torch.randn(images, 2, generator=generator),
        rivals=torch.tensor([[1, 0]] * images),
        masks=annotation,
        faces=annotation,
    )
    return MapInputs(batch, torch.randn(images, 2, 3, 3, generator=generator))


def test_row_of_image_b_and_target_k_is_two_b_plus_k():
    maps = inputs()
    for image in range(2):
        for target in range(2):
            row, signed = 2 * image + target, maps.signed_maps[image, target]
            assert torch.equal(maps.signed[row], signed)
            assert torch.equal(maps.other_signed[row], maps.signed_maps[image, 1 - target])
            assert torch.equal(maps.raw[row], signed.clamp(min=0))
            assert torch.equal(maps.other_raw[row], maps.signed_maps[image, 1 - target].clamp(min=0))
            assert maps.probability[row] == maps.batch.logits[image].double().softmax(0)[target]
            assert torch.equal(maps.mask[row], maps.batch.masks[image, target])
            assert torch.equal(maps.other_mask[row], maps.batch.masks[image, 1 - target])


def test_upsampled_maps_and_ranks_are_those_of_the_image():
    maps = inputs()
    expected = torch.nn.functional.interpolate(maps.raw[:, None], (8, 8), mode="bilinear")[:, 0]
    torch.testing.assert_close(maps.upsampled, expected)
    assert maps.ranks.flatten(1).sort().values.equal(torch.arange(64).expand(4, -1))
    best = maps.ranks.flatten(1).argmin(dim=1)
    assert torch.equal(maps.upsampled.flatten(1).gather(1, best[:, None])[:, 0], maps.upsampled.flatten(1).amax(dim=1))


def test_a_negated_map_is_the_rest_to_the_maximum_in_the_opposite_order():
    maps = inputs()
    turned = negated(maps)
    torch.testing.assert_close(turned.raw + maps.raw, maps.raw.amax(dim=(1, 2), keepdim=True).expand_as(maps.raw))
    assert torch.equal(turned.ranks, 63 - maps.ranks)
    assert turned.ranks.flatten(1).sort().values.equal(torch.arange(64).expand(4, -1))
    lowest = maps.ranks.flatten(1).argmax(dim=1)
    peak = turned.upsampled.flatten(1)
    torch.testing.assert_close(peak.gather(1, lowest[:, None])[:, 0], peak.amax(dim=1))


def test_annotations_may_be_missing():
    maps = inputs(masks=False)
    assert (maps.mask, maps.other_mask, maps.face) == (None, None, None)


def test_every_input_a_metric_may_name_exists_or_comes_from_the_model():
    given = {name for name in INPUTS if hasattr(MapInputs, name)}
    assert set(INPUTS) - given == set(FORWARD)
    assert {name for metric in METRICS.values() for name in metric.inputs} <= set(INPUTS)


def test_where_a_map_is_empty_its_negation_is_one_plateau_to_the_last_digit():
    """Bilinear weights of a plateau that is not 0 add up to it only nearly, which would order its pixels."""
    signed = torch.full((2, 2, 3, 3), -1.0)
    signed[:, :, 0, 0] = torch.tensor([[0.7, 1.3], [2.9, 0.1]])
    maps = inputs()
    maps = MapInputs(maps.batch, signed)
    turned = negated(maps)
    rest = maps.upsampled == 0
    assert 0 < rest.sum() < rest.numel()
    for row, plateau in enumerate(rest):
        assert len(turned.upsampled[row][plateau].unique()) == 1
    torch.testing.assert_close(
        turned.upsampled + maps.upsampled, signed.amax((2, 3)).flatten()[:, None, None].expand(-1, 8, 8)
    )
