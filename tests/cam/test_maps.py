import pytest
import torch

from cam import METHODS as ALL
from cam import Method, Network, compute_maps, upsample

# Those that need no more than the shared pass, no special head and no name of an image.
METHODS = {
    k: method for k, method in ALL.items() if method.fast and not {"classifier_weights", "ids"} & {*method.inputs}
}


def test_one_entry_per_method_and_layer_and_raw_is_the_relu(gap_net, images):
    maps = compute_maps(Network(gap_net), images, ["conv", "relu"], METHODS)
    assert set(maps.signed) == {(m, layer) for m in METHODS for layer in ("conv", "relu")}
    torch.testing.assert_close(maps.logits, gap_net(images).detach())
    assert (maps.signed["gradcam", "conv"] < 0).any()
    torch.testing.assert_close(maps.raw("gradcam", "conv"), maps.signed["gradcam", "conv"].clamp_min(0))


@pytest.mark.parametrize("ask", ["activations", "layers"])
def test_a_map_of_what_is_not_finite_is_undefined_whatever_the_function_makes_of_it(gap_net, images, ask):
    """The gradients of this network stay finite: ReLU passes none where its input is NaN."""
    functions = {
        "activations": lambda activations: torch.ones(len(activations), 2, 8, 6),
        "layers": lambda layers: torch.ones(len(layers[0].activations), 2, 8, 6),
    }
    images[1, 0, 0, 0] = torch.nan
    maps = compute_maps(Network(gap_net), images, ["conv"], {"own": Method(functions[ask], "Own")}).signed[
        "own", "conv"
    ]
    assert maps.isnan().flatten(1).all(dim=1).tolist() == [False, True, False, False]
    assert (maps[[0, 2, 3]] == 1).all()


def test_one_forward_pass_feeds_everything(gap_net, images):
    calls = []
    gap_net.register_forward_hook(lambda *_: calls.append(1))
    compute_maps(Network(gap_net), images, ["conv", "relu"], METHODS)
    assert len(calls) == 1


def test_upsampling_keeps_scale_and_follows_the_half_pixel_convention():
    coarse = torch.tensor([[[[0.0, 4.0]]]])
    assert upsample(coarse, (1, 4)).flatten().tolist() == [0.0, 1.0, 3.0, 4.0]


@pytest.mark.parametrize("batch", [1, 3])
def test_maps_do_not_depend_on_the_batch(gap_net, images, batch):
    whole = compute_maps(Network(gap_net), images, ["relu"], METHODS).signed
    parts = [compute_maps(Network(gap_net), part, ["relu"], METHODS).signed for part in images.split(batch)]
    for key, maps in whole.items():
        torch.testing.assert_close(torch.cat([part[key] for part in parts]), maps, rtol=1e-5, atol=1e-7)
