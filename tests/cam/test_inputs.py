import dataclasses

import pytest
import torch
from torch import nn

from cam import MAP_INPUTS, LayerError, MapBatch, MapInputs, Method, MethodError, Network, compute_maps
from cam.inputs import Layer


def maps(network, images, function, layers=("relu",)):
    return compute_maps(Network(network), images, layers, {"own": Method(function, "Own")}).signed["own", layers[0]]


def test_a_network_is_tapped_in_the_form_that_was_named(images):
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.head = nn.Identity(), nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.tokens(x.flatten(2).mT).mean(dim=1))

    assert Network(Tokens()).tap(images, ["tokens"]).activations["tokens"].shape == images.shape
    with pytest.raises(LayerError, match=r"layer 'tokens' gives \(4, 48, 3\), a map needs"):
        Network(Tokens(), reshape="none").tap(images, ["tokens"])


def test_every_input_that_may_be_named_is_there():
    assert {name for name in MAP_INPUTS if hasattr(MapInputs, name)} == set(MAP_INPUTS)


def test_score_cam_in_a_few_lines_equals_a_loop(gap_net, images):
    def scorecam(activations, images, score):
        b, c = activations.shape[:2]
        masks = nn.functional.interpolate(activations, images.shape[2:], mode="bilinear", align_corners=False)
        low, high = masks.amin((2, 3), keepdim=True), masks.amax((2, 3), keepdim=True)
        masks = (masks - low) / (high - low).clamp_min(1e-12)  # (B, C, H, W)
        gain = score((images[:, None] * masks[:, :, None]).flatten(0, 1)).unflatten(0, (b, c))  # (B, C, K)
        return torch.einsum("bck,bchw->bkhw", gain.softmax(dim=1), activations)

    found = maps(gap_net, images, scorecam)
    with torch.no_grad():
        for image, expected in zip(images, found, strict=True):
            a = gap_net.relu(gap_net.conv(image[None]))[0]
            gains = []
            for channel in a:
                mask = nn.functional.interpolate(channel[None, None], image.shape[1:], mode="bilinear")[0, 0]
                mask = (mask - mask.min()) / (mask.max() - mask.min()).clamp_min(1e-12)
                gains.append(gap_net((image * mask)[None])[0])
            weights = torch.stack(gains).softmax(dim=0)
            naive = sum(w[:, None, None] * channel for w, channel in zip(weights, a, strict=True))
            torch.testing.assert_close(expected, naive, rtol=1e-5, atol=1e-6)


def test_ablation_through_the_head_of_a_linear_tail_is_the_weighted_activation(gap_net, images):
    def ablation(activations, logits, head):
        b, c = activations.shape[:2]
        keep = 1 - torch.eye(c)
        without = head((activations[:, None] * keep[None, :, :, None, None]).flatten(0, 1)).unflatten(0, (b, c))
        return torch.einsum("bck,bchw->bkhw", logits[:, None] - without, activations)

    a = gap_net.relu(gap_net.conv(images)).detach()
    fall = gap_net.head.weight.detach()[None] * a.mean(dim=(2, 3))[:, None]  # (B, K, C)
    expected = torch.einsum("bkc,bchw->bkhw", fall, a)
    torch.testing.assert_close(maps(gap_net, images, ablation), expected, rtol=1e-4, atol=1e-6)


def test_classifier_weights_of_pooling_and_a_linear_layer(gap_net, images):
    def cam(activations, classifier_weights):
        return torch.einsum("kc,bchw->bkhw", classifier_weights, activations)

    a = gap_net.relu(gap_net.conv(images)).detach()
    expected = torch.einsum("kc,bchw->bkhw", gap_net.head.weight.detach(), a)
    torch.testing.assert_close(maps(gap_net, images, cam), expected)


@pytest.mark.parametrize("change", ["other head", "other layer"])
def test_other_heads_have_no_classifier_weights(gap_net, images, change):
    if change == "other head":
        gap_net.head = nn.Sequential(nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 2))
    with pytest.raises(MethodError, match="classifier_weights are defined for global average pooling"):
        maps(
            gap_net,
            images,
            lambda classifier_weights: classifier_weights,
            ("relu" if change == "other head" else "conv",),
        )


def test_layers_come_in_the_order_they_were_named(gap_net, images):
    seen = []

    def both(layers):
        seen.append(layers)
        return layers[0].gradients.sum(dim=2)

    maps(gap_net, images, both, ("relu", "conv"))
    assert [layer.name for layer in seen[0]] == ["relu", "conv"]
    assert all(isinstance(layer, Layer) and layer.activations.shape == (4, 5, 8, 6) for layer in seen[0])


def test_without_a_method_that_asks_for_gradients_there_is_no_backward_pass(gap_net, images, monkeypatch):
    monkeypatch.setattr(torch.autograd, "grad", lambda *_, **__: pytest.fail("a backward pass"))
    found = maps(
        gap_net, images, lambda activations, classes: activations.sum(1, keepdim=True).expand(-1, classes, -1, -1)
    )
    assert found.shape == (4, 2, 8, 6)


def test_ids_seed_size_and_logits(gap_net, images):
    def told(ids, seed, size, logits, classes):
        assert ids == ("0", "1", "2", "3")
        assert (seed, size, classes, logits.shape) == (0, (8, 6), 2, (4, 2))
        return torch.zeros(4, 2, *size)

    assert maps(gap_net, images, told).shape == (4, 2, 8, 6)


def test_what_is_known_of_drawn_images_is_handed_on(gap_net, images):
    batch = MapBatch(Network(gap_net), Network(gap_net).tap(images, ["relu"]), images, tuple("abcd"))
    parts, effect = torch.ones(4, 8, 8, dtype=torch.uint8), torch.rand(4, 3, 5)
    known = dataclasses.replace(batch, parts=parts, part_effect=effect).at("relu")
    assert known.parts is parts
    assert known.part_effect is effect
    with pytest.raises(MethodError, match="part_effect is known of drawn images only"):
        _ = batch.at("relu").part_effect
