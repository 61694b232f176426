import pytest
import torch
from torch import nn

from weights import Architecture, WeightsError, fresh_classifier, load_classifier


@pytest.fixture
def load(architectures):
    return lambda path, **settings: load_classifier(path, **{"architectures": architectures, **settings})


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.", "net.", "backbone.", "model._orig_mod.module."])
def test_prefixes_that_all_names_share_are_left_out_and_noted(network, save, load, prefix, named):
    state = {prefix + name: tensor for name, tensor in network.state_dict().items()}
    classifier = load(save({"state_dict": state}, "m.ckpt"), arch="tiny" if named else None)
    assert all(torch.equal(classifier.network.state_dict()[n], t) for n, t in network.state_dict().items())
    assert f"'{prefix}' left out of all names of tensors" in classifier.checkpoint.notes


def test_a_checkpoint_of_lightning(network, save, load):
    """Its tensors lie in `state_dict`, under the name that the module has in the user's LightningModule."""
    content = {
        "epoch": 3,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": {f"net.{name}": tensor for name, tensor in network.state_dict().items()},
        "loops": {"fit_loop": {"state_dict": {}}},
        "callbacks": {},
        "optimizer_states": [torch.optim.AdamW(network.parameters()).state_dict()],
        "hyper_parameters": {"class_to_idx": {"cat": 1, "dog": 0}},
    }
    classifier = load(save(content, "epoch=3.ckpt"))
    assert classifier.classes == ("dog", "cat")
    assert "'net.' left out of all names of tensors" in classifier.checkpoint.notes


def test_a_prefix_that_the_network_has_itself_stays(network, save, load):
    class Wrapped(nn.Module):
        def __init__(self, classes):
            super().__init__()
            self.model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, classes))

    own = {"own": Architecture(Wrapped, "model.0", "wrapped")}
    path = save(Wrapped(2).state_dict())
    assert load(path, architectures=own).checkpoint.notes[-1].startswith("preprocessing assumed")


def test_a_prefix_that_not_all_share_is_named(network, save, load):
    state = {"model." + name: tensor for name, tensor in network.state_dict().items()} | {"loss.weight": torch.ones(2)}
    with pytest.raises(WeightsError, match=r"do not fit tiny: 0\.weight is missing"):
        load(save(state), arch="tiny")


@pytest.mark.parametrize("arch", [None, "tiny"])
def test_a_head_of_one_output_is_read_as_two_logits(network, save, load, arch):
    network[4] = nn.Linear(2, 1)
    classifier = load(save(network.state_dict()), arch=arch)
    images = torch.rand(3, 3, 8, 8)
    z = network(classifier.normalise(images))
    torch.testing.assert_close(classifier(images), torch.cat([-z / 2, z / 2], dim=1).detach())


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2]
)
def test_types_of_floating_point(network, save, load, dtype):
    classifier = load(save({name: tensor.to(dtype) for name, tensor in network.state_dict().items()}))
    for name, tensor in network.state_dict().items():
        assert torch.equal(classifier.network.state_dict()[name], tensor.to(dtype).float())
    said = {torch.bfloat16: "bfloat16: about two digits", torch.float8_e5m2: "float8_e5m2: about one digit"}
    said |= {torch.float8_e4m3fn: "float8_e4m3fn: about one digit"}
    notes = [note for note in classifier.checkpoint.notes if note.startswith("weights stored as")]
    assert notes == ([f"weights stored as {said[dtype]} of precision"] if dtype in said else [])


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int64, torch.bool, torch.complex64])
def test_other_types_are_refused(network, save, load, dtype):
    state = {name: tensor.to(dtype) for name, tensor in network.state_dict().items()}
    word = "expected" if dtype.is_complex else "quantised: dequantise them"
    with pytest.raises(WeightsError, match=rf"0\.weight is {dtype}, .*{word}"):
        load(save(state), arch="tiny")


def test_quantised_weights_are_named_before_the_scales_beside_them(network, save, load):
    state = {"0.scale": torch.ones(1), **network.state_dict()}
    state["0.weight"] = state["0.weight"].to(torch.int8)
    with pytest.raises(WeightsError, match=r"do not fit tiny: 0\.weight is torch\.int8, .*dequantise them"):
        load(save(state), arch="tiny")


def raising(_classes):
    raise KeyError("no\nsuch layer")


def leaving(_classes):
    raise SystemExit(2)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (raising, r"cannot be built: build\(2\): KeyError: 'no\\nsuch layer'"),
        (leaving, r"cannot be built: build\(2\): SystemExit: 2"),
        (lambda: nn.Linear(1, 2), "cannot be built: .*takes 0 positional arguments"),
        (lambda classes: None, "builds a NoneType, expected a torch.nn.Module"),
        (nn.Linear, "cannot be built: .*TypeError"),
        (lambda classes: nn.LazyLinear(classes), "has lazy layers; give each its input size"),
        (lambda classes: nn.Flatten(), "builds a network without parameters"),
        (3, "cannot be built: .*'int' object is not callable"),
    ],
)
def test_architectures_that_build_no_network(network, save, load, build, message):
    own = {"own": Architecture(build, "0", "")}
    path = save(network.state_dict())
    for call in (lambda: load(path, arch="own", architectures=own), lambda: fresh_classifier("own", architectures=own)):
        with pytest.raises(WeightsError, match=f"architecture 'own' {message}") as caught:
            call()
        assert "\n" not in str(caught.value)


def test_buffers_that_no_file_fills_keep_their_first_values(save, load):
    def build(classes):
        network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes))
        network.register_buffer("hidden", nn.init.constant_(torch.empty(50), 7.0), persistent=False)
        return network

    classifier = load(save(build(2).state_dict()), architectures={"own": Architecture(build, "0", "")})
    assert (classifier.network.hidden == 7).all()


def test_layers_that_cannot_be_channels_last(save, load):
    def build(classes):
        return nn.Sequential(nn.Conv3d(3, 4, 1), nn.Flatten(), nn.Linear(4, classes))

    with pytest.raises(WeightsError, match=r"cannot be put on cpu as torch\.float32"):
        load(save(build(2).state_dict()), architectures={"own": Architecture(build, "0", "")})
