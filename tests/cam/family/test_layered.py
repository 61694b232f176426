import pytest
import torch
import torch.nn.functional as F

from cam import METHODS, MapBatch, Network, maps_of, tap, tap_for
from cam.family.layered import winsorised
from cam.family.weights import gradcam_plusplus
from cam.methods import gradcam, layercam

STAGES = ("early", "late")


def found(network, images, name, layer="late", batch_size=32):
    of, methods = Network(network), {name: METHODS[name]}
    tapped = tap_for(of, images, [layer], methods)
    return maps_of(MapBatch(of, tapped, images, tuple("abcd"), 0, batch_size), methods)[name, layer]


def up(maps: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    return F.interpolate(maps, size, mode="bilinear")


def scaled(maps: torch.Tensor) -> torch.Tensor:
    low, high = maps.amin((-2, -1), keepdim=True), maps.amax((-2, -1), keepdim=True)
    return torch.where(high > low, (maps - low) / (high - low), 0)


def of_stages(network, images, method) -> list[torch.Tensor]:
    tapped = tap(network, network, images, STAGES)
    return [method(tapped.activations[name], tapped.gradients[name]).relu() for name in STAGES]


@pytest.mark.parametrize("layer", STAGES)
def test_layercam_fused(two_stages, images, layer):
    shallow, deep = of_stages(two_stages, images, layercam)
    shallow, deep = (maps / maps.amax((2, 3), keepdim=True).clamp_min(1e-30) for maps in (shallow, deep))
    expected = torch.tanh(2 * shallow).maximum(up(deep, (8, 6)))
    if layer == "late":
        expected = F.avg_pool2d(expected, 2)
    torch.testing.assert_close(found(two_stages, images, "layercam_fused", layer), expected)


def test_refinecam(two_stages, images):
    shallow, deep = of_stages(two_stages, images, gradcam_plusplus)
    expected = scaled(shallow) * up(scaled(deep), (8, 6))
    torch.testing.assert_close(found(two_stages, images, "refinecam", "early"), expected)


@pytest.mark.parametrize("kind", ["+", "-", "+-"])
def test_polycam_equals_a_loop(two_stages, images, kind):
    maps = found(two_stages, images, f"polycam{kind}", "early")
    tapped = tap(two_stages, two_stages, images, STAGES, gradients=False)

    def p(image):
        return two_stages(image[None])[0].softmax(dim=0)

    for b, image in enumerate(images):
        combined = {}
        for name in STAGES:
            a = tapped.activations[name][b]
            total = torch.zeros(3, *a.shape[1:])
            for channel in a:
                mask = scaled(up(channel[None, None], (8, 6)))[0]
                rise, fall = p(image * mask), p(image) - p(image * (1 - mask))
                weight = {"+": rise, "-": fall, "+-": rise + fall}[kind].relu()
                total += weight[:, None, None] * channel
            combined[name] = total.relu()[None]
        local = up(F.avg_pool2d(combined["early"], 2), (8, 6))
        expected = torch.where(local > 0, combined["early"] / local, 0) * up(combined["late"], (8, 6))
        torch.testing.assert_close(maps[b], expected[0], rtol=1e-4, atol=1e-5)


def test_winsorcam(two_stages, images):
    tapped = tap(two_stages, two_stages, images, ("early.0", "late.0"))
    maps, importance = [], []
    for a, g in zip(tapped.activations.values(), tapped.gradients.values(), strict=True):
        maps.append(up(scaled(gradcam(a, g).relu()), (8, 6)))
        importance.append(g.mean(dim=(2, 3, 4)).relu())
    first, second = importance
    expected = torch.zeros(4, 3, 8, 6)
    for b in range(4):
        for k in range(3):
            values = [float(first[b, k]), float(second[b, k])]
            if min(values) > 0:  # the larger one comes down to the 99th percentile, which is still the larger one
                weights = [1.0 if v == max(values) else 0.1 for v in values]
            else:
                weights = [1.0 if v > 0 else 0.0 for v in values]
            expected[b, k] = weights[0] * maps[0][b, k] + weights[1] * maps[1][b, k]
    torch.testing.assert_close(found(two_stages, images, "winsorcam", "early"), expected)
    assert expected.amax() > 0


def test_winsorised_by_hand():
    values = torch.tensor([[0.0, 1.0, 2.0, 11.0], [0.0, 0.0, 3.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    cut = winsorised(values, 0.75)  # the 75th percentile of 1, 2, 11 is 6.5
    expected = [[0, 0.1, 0.1 + 0.9 * 1 / 5.5, 1], [0, 0, 1, 0], [0, 0, 0, 0]]
    torch.testing.assert_close(cut, torch.tensor(expected))
    torch.testing.assert_close(winsorised(values, 1.0)[0, 2], torch.tensor(0.1 + 0.9 * 1 / 10))


def test_fullgrad_adds_up_to_the_logit_and_equals_a_loop(images):
    """In a network of ReLUs input and biases share the logit between them, those of linear layers among them."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.BatchNorm2d(4), torch.nn.ReLU(),
        torch.nn.Conv2d(4, 2, 3, padding=1), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(2, 2),
    ).eval()  # fmt: skip
    network[1].running_mean.uniform_(-1, 1)
    shares, maps = torch.zeros(4, 2), torch.zeros(4, 2, 8, 6)
    inputs = images.clone().requires_grad_()
    outputs = [inputs]
    for module in network:
        outputs.append(module(outputs[-1]))
    norm = network[1]
    shift = norm.bias - norm.running_mean / (norm.running_var + norm.eps).sqrt()
    factors = {0: images, 1: network[0].bias, 2: shift, 4: network[3].bias}
    for k in range(2):
        gradients = torch.autograd.grad(outputs[-1][:, k].sum(), [outputs[i] for i in factors], retain_graph=True)
        for (i, factor), gradient in zip(factors.items(), gradients, strict=True):
            part = (factor if i == 0 else factor.detach()[None, :, None, None]) * gradient
            shares[:, k] += part.sum(dim=(1, 2, 3))
            flat = part.abs().flatten(1)
            low, high = flat.amin(1)[:, None, None, None], flat.amax(1)[:, None, None, None]
            maps[:, k] += ((part.abs() - low) / (high - low)).sum(dim=1)
    torch.testing.assert_close(shares + network[-1].bias.detach(), outputs[-1].detach(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found(network, images, "fullgrad", "3"), maps, rtol=1e-4, atol=1e-5)
