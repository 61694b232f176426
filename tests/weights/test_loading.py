import inspect
import os
from pathlib import Path

import pytest
import safetensors.torch
import torch
import torchvision
from torch import nn

from weights import ARCHITECTURES, Architecture, WeightsError, load_classifier


def with_statistics(classes: int) -> nn.Module:
    """An integer buffer that is in the file, a buffer and a plain tensor that are not."""
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes)
    )
    network.register_buffer("hidden", torch.full((1,), 7.0), persistent=False)
    network.plain = torch.full((1,), 5.0)
    return network


@pytest.fixture
def load(architectures):
    return lambda path, **settings: load_classifier(path, **{"architectures": architectures, **settings})


def test_signature():
    parameters = inspect.signature(load_classifier).parameters
    assert parameters["architectures"].default is ARCHITECTURES
    assert all(parameter.kind is parameter.KEYWORD_ONLY for name, parameter in parameters.items() if name != "path")


@pytest.mark.parametrize("arch", ["alexnet", "alexnet_narrow", "efficientnet_lite0"])
def test_whole_module_pickles(save, arch):
    network = ARCHITECTURES[arch].build(2).eval().half()
    classifier = load_classifier(save(network, "torch_alex.pth"))
    network.float()
    checkpoint = classifier.checkpoint
    assert checkpoint.arch == arch
    assert checkpoint.name == "torch_alex"
    assert checkpoint.parameters == sum(parameter.numel() for parameter in network.parameters())
    assert classifier.network is not network
    assert type(classifier.network) is type(network)
    images = torch.rand(1, 3, 224, 224)
    with torch.inference_mode():
        expected = network(classifier.normalise(images))
        torch.testing.assert_close(classifier(images), expected, rtol=1e-5, atol=1e-5)


def test_returned_classifier_is_frozen_float32_channels_last_in_evaluation_mode(network, save, load):
    classifier = load(save({name: tensor.half() for name, tensor in network.state_dict().items()}))
    assert not any(module.training for module in classifier.modules())
    assert not any(parameter.requires_grad for parameter in classifier.parameters())
    assert {parameter.dtype for parameter in classifier.parameters()} == {torch.float32}
    assert classifier.network[0].weight.is_contiguous(memory_format=torch.channels_last)
    for name, tensor in network.state_dict().items():
        assert torch.equal(classifier.network.state_dict()[name], tensor.half().float())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_dtype_decides(network, save, load, dtype):
    classifier = load(save(network.state_dict()), dtype=dtype)
    assert {tensor.dtype for tensor in [*classifier.parameters(), *classifier.buffers()]} == {dtype}
    assert classifier(torch.rand(1, 3, 8, 8)).dtype == torch.float32


def test_loading_draws_no_random_numbers_and_initialisation_works_afterwards(network, save, load):
    path = save(network.state_dict())
    before = torch.get_rng_state()
    load(path)
    assert torch.equal(torch.get_rng_state(), before)
    assert nn.Linear(1000, 2).weight.std() > 0.01


def test_integers_stay_integers_and_what_is_not_in_the_file_is_kept(save, load):
    network = with_statistics(2)
    network(torch.rand(4, 3, 8, 8))
    path = save(network.state_dict())
    own = {"own": Architecture(with_statistics, "0", "with batch statistics")}
    classifier = load(path, architectures=own, dtype=torch.bfloat16)
    assert classifier.network[1].num_batches_tracked == 1
    assert classifier.network[1].num_batches_tracked.dtype == torch.int64
    assert classifier.network.hidden == 7
    assert classifier.network.plain == 5
    assert classifier.network.hidden.dtype == torch.bfloat16


def test_a_head_of_imagenet_is_read_in_groups_by_wordnet(save, load):
    with torch.device("meta"):
        shapes = torchvision.models.AlexNet(num_classes=1000).state_dict()
    state = {name: torch.zeros(()).expand(tensor.shape) for name, tensor in shapes.items()}  # a small file
    checkpoint = load(save(state)).checkpoint
    assert checkpoint.classes == ("cat", "dog")
    assert checkpoint.groups == (tuple(range(281, 286)), tuple(range(151, 269)))
    assert "domestic cats and domestic dogs by WordNet: cat=281-285,dog=151-268" in checkpoint.notes[0]
    assert load(save(state), classes=["dog", "cat"]).checkpoint.groups == checkpoint.groups[::-1]


@pytest.mark.parametrize("arch", [None, "tiny"])
def test_a_head_of_other_outputs_needs_names(network, save, load, arch):
    network[4] = nn.Linear(2, 5)
    path = save(network.state_dict())
    with pytest.raises(WeightsError, match=r"have 5 outputs, and nothing says what they are; name them with --classes"):
        load(path, arch=arch)
    assert load(path, arch=arch, classes=list("abcde")).classes == tuple("abcde")
    grouped = load(path, arch=arch, groups={"cat": "3-4", "dog": [0]})
    assert (grouped.classes, grouped.checkpoint.groups) == (("cat", "dog"), ((3, 4), (0,)))


def test_other_shapes_name_the_first_keys_and_both_shapes(network, save, load):
    state = {**network.state_dict(), "0.weight": torch.zeros(2, 3, 5, 5)}
    with pytest.raises(
        WeightsError,
        match=r"do not fit tiny: 0\.weight is \(2, 3, 5, 5\), expected \(2, 3, 3, 3\); give the name",
    ):
        load(save(state), arch="tiny")
    with pytest.raises(WeightsError, match=r"fit no known architecture \(alexnet, .*, tiny\); closest is tiny"):
        load(save(state))


def test_missing_and_unexpected_keys_are_named(network, save, load):
    state = network.state_dict()
    state["extra"] = state.pop("4.bias")
    with pytest.raises(WeightsError, match=r"do not fit tiny: 4\.bias is missing, extra is unexpected"):
        load(save(state), arch="tiny")


def test_many_problems_are_counted(network, save, load):
    with pytest.raises(
        WeightsError, match=r"do not fit alexnet: (features\S+ is missing, ){2}\S+ is missing and \d+ more"
    ):
        load(save(network.state_dict()), arch="alexnet")


def test_a_number_where_a_matrix_is_expected(network, save, load):
    with pytest.raises(WeightsError, match=r"4\.bias is \(\), expected \(2,\)"):
        load(save({**network.state_dict(), "4.bias": torch.tensor(1.0)}), arch="tiny")


def test_integer_weights_are_refused(network, save, load):
    with pytest.raises(WeightsError, match=r"4\.bias is torch\.int8, expected torch\.float32"):
        load(save({**network.state_dict(), "4.bias": torch.zeros(2, dtype=torch.int8)}), arch="tiny")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite_are_named(network, save, load, value):
    network.state_dict()["4.weight"][1, 1] = value
    with pytest.raises(WeightsError, match=r"'4\.weight' holds NaN or infinity as torch\.float32"):
        load(save(network.state_dict()))


def test_weights_that_do_not_fit_into_the_type(network, save, load):
    network.state_dict()["4.bias"][0] = 1e6
    path = save(network.state_dict())
    assert load(path).network[4].bias[0] == 1e6
    with pytest.raises(WeightsError, match=r"'4\.bias' holds NaN or infinity as torch\.float16"):
        load(path, dtype=torch.float16)


def test_unknown_architecture(network, save, load):
    with pytest.raises(
        WeightsError, match=r"unknown architecture 'alexnet_narow' \(did you mean 'alexnet_narrow'\?\); known"
    ):
        load(save(network.state_dict()), arch="alexnet_narow")


def test_two_architectures_of_the_same_tensors_must_be_told_apart(network, save, load, architectures):
    twins = {**architectures, "twin": architectures["tiny"]}
    path = save(network.state_dict())
    with pytest.raises(WeightsError, match=r"fit several architectures \(tiny, twin\); name one with arch"):
        load(path, architectures=twins)
    assert load(path, architectures=twins, arch="twin").checkpoint.arch == "twin"


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (["cat"], "are cat; expected two different names or more; say them with --classes a,b"),
        ([], "are none; expected two"),
        (["cat", "cats"], "are cat, cat; expected two different"),
        (["a", "b", "c"], r"are a, b, c \(3 names, the arguments\), its network has 2 outputs; give --classes as many"),
    ],
)
def test_classes_that_cannot_be(network, save, load, classes, said):
    with pytest.raises(WeightsError, match=said):
        load(save(network.state_dict()), classes=classes)


def test_safetensors_and_state_dict_give_the_same_classifier(network, save, load, tmp_path):
    safetensors.torch.save_file(network.state_dict(), tmp_path / "m.safetensors")
    images = torch.rand(2, 3, 8, 8)
    assert torch.equal(load(tmp_path / "m.safetensors")(images), load(str(save(network.state_dict())))(images))


@pytest.mark.parametrize("name", ["m.pth", "m.safetensors"])
@pytest.mark.parametrize("arch", [None, "tiny"])
def test_a_file_far_larger_than_the_network_is_not_read(load, tmp_path, name, arch):
    with (tmp_path / name).open("wb") as file:
        file.truncate(2**42)  # 4 TB that take no space
    with pytest.raises(WeightsError, match=r"has 4398047 MB, .*tiny at most \d+; save the network's tensors alone"):
        load(tmp_path / name, arch=arch)


@pytest.mark.parametrize("ending", [b"pth", b"safetensors"])
def test_names_that_are_no_utf8(network, load, tmp_path, ending):
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")  # Latin-1
    path = Path(folder, os.fsdecode(b"d\xf6g." + ending))
    path.parent.mkdir()
    torch.save(network.state_dict(), tmp_path / "m.pth")
    safetensors.torch.save_file(network.state_dict(), tmp_path / "m.safetensors")
    path.write_bytes((tmp_path / f"m.{ending.decode()}").read_bytes())
    path.with_suffix(".toml").write_text("\N{BYTE ORDER MARK}classes = ['dog', 'cat']", encoding="utf-8")
    checkpoint = load(path).checkpoint
    assert checkpoint.name == "d\\xf6g"
    assert checkpoint.path.endswith(f"caf\\xe9/d\\xf6g.{ending.decode()}")
    assert checkpoint.classes == ("dog", "cat")
    path.with_suffix(".toml").write_text("x = 1")
    with pytest.raises(WeightsError, match=r"d\\xf6g\.toml'.*unknown key 'x'"):
        load(path)
    path.write_bytes(b"nothing")
    with pytest.raises(WeightsError, match=rf"unknown key|d\\xf6g\.{ending.decode()}'"):
        load(path)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu(network, save, load):
    network = network.cuda()
    classifier = load(save(network.state_dict()), device="cuda")
    assert {tensor.device.type for tensor in [*classifier.parameters(), *classifier.buffers()]} == {"cuda"}
    images = torch.rand(2, 3, 8, 8, device="cuda")
    torch.testing.assert_close(classifier(images), network(classifier.normalise(images)), rtol=1e-4, atol=1e-4)
    assert {t.device.type for t in load(save(network.state_dict())).parameters()} == {"cpu"}
