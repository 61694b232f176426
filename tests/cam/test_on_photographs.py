"""Maps on real photographs against a computation that shares no code with ours."""

import pytest
import torch
from torch import nn

from cam import METHODS, Network, compute_maps

LAYERS = ("features.10", "features.11", "features.12")


def naive_maps(classifier, images: torch.Tensor, layer: int, method: str) -> torch.Tensor:
    """Image by image and class by class, the network taken apart by hand, nothing in place."""
    network = classifier.network
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (classifier.checkpoint.preprocess.mean, (0.229, 0.224, 0.225)))

    def step(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
        return x.clamp_min(0) if isinstance(module, nn.ReLU) else module(x)

    maps = []
    for image in images:
        x = ((image - mean) / std)[None]
        for module in network.features[: layer + 1]:
            x = step(module, x)
        activations = x.detach().requires_grad_()
        x = activations
        for module in network.features[layer + 1 :]:
            x = step(module, x)
        x = torch.flatten(network.avgpool(x), 1)
        for module in network.classifier:
            x = step(module, x)
        for score in x[0]:
            (gradient,) = torch.autograd.grad(score, activations, retain_graph=True)
            if method == "gradcam":
                total = sum(g.mean() * a for g, a in zip(gradient[0], activations[0].detach(), strict=True))
            else:
                total = sum(g.clamp_min(0) * a for g, a in zip(gradient[0], activations[0].detach(), strict=True))
            maps.append(total.clamp_min(0))
    return torch.stack(maps).unflatten(0, (len(images), 2))


@pytest.mark.parametrize("method", ["gradcam", "layercam"])
@pytest.mark.parametrize("layer", LAYERS)
def test_raw_maps_equal_a_naive_computation(narrow, photographs, method, layer):
    maps = compute_maps(Network(narrow, narrow.network), photographs, LAYERS, {method: METHODS[method]}).raw(
        method, layer
    )
    expected = naive_maps(narrow, photographs, int(layer.partition(".")[2]), method)
    assert expected.amax() > 0
    scale = expected.amax(dim=(2, 3), keepdim=True)
    error = (maps - expected).abs() / scale.clamp_min(1e-8)
    assert error.max() < 1e-5 or (maps - expected).abs().max() < 1e-5 * expected.amax()


def test_layercam_never_falls_below_the_elementwise_positive_part(narrow, photographs):
    methods = {name: METHODS[name] for name in ("layercam", "hirescam")}
    maps = compute_maps(Network(narrow, narrow.network), photographs, ("features.11",), methods)
    assert (maps.raw("layercam", "features.11") >= maps.raw("hirescam", "features.11") - 1e-6).all()
