import pytest
import torch
from torch import nn

from cam import METHODS, Network, compute_maps
from weights import Preprocess, WeightsError, borrowed, tried

FITTING = {name: method for name, method in METHODS.items() if "attention" not in method.inputs}
SMALL = Preprocess(16, (12, 16))


@pytest.fixture
def model():
    """In use by somebody: in training, one layer not, one parameter frozen, gradients of a step."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, 3),
    )  # fmt: skip
    model(torch.rand(4, 3, 16, 16)).sum().backward()
    model[1].eval()
    model[0].bias.requires_grad_(False)
    return model


def state(model):
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    tensors = (*model.state_dict().values(), *(p.grad for p in model.parameters()))
    return {
        "modes": [module.training for module in model.modules()],
        "wanted": [parameter.requires_grad for parameter in model.parameters()],
        "gradients": [id(parameter.grad) for parameter in model.parameters()],
        "parameters": [id(parameter) for parameter in model.parameters()],
        "values": [tensor.sum().item() for tensor in tensors],
        "hooks": [len(getattr(module, name)) for module in model.modules() for name in hooks],
        "random": torch.get_rng_state().sum().item(),
    }


def test_the_model_is_as_it_was(model):
    before = state(model)
    with borrowed(model, classes=("a", "b", "c"), preprocess=SMALL) as classifier:
        tried(classifier)
        assert not any(module.training for module in model.modules())
        assert not any(parameter.requires_grad for parameter in model.parameters())
        compute_maps(Network(classifier, model), torch.full((2, 3, 12, 16), 0.5), ("2",), FITTING)
    assert state(model) == before


def test_also_after_an_error(model):
    before = state(model)
    with pytest.raises(KeyError), borrowed(model, classes=("a", "b", "c"), preprocess=SMALL):
        raise KeyError
    with pytest.raises(WeightsError, match="'model' have 3 outputs"), borrowed(model, preprocess=SMALL):
        pass
    with pytest.raises(WeightsError, match="2 names"), borrowed(model, classes=("a", "b"), preprocess=SMALL):
        pass
    assert state(model) == before


def test_logits_are_the_models_in_evaluation_mode(model):
    images = torch.rand(2, 3, 12, 16)
    with borrowed(model, groups={"cat": "0+2", "dog": 1}, preprocess=SMALL) as classifier:
        outputs = model((images - torch.tensor(SMALL.mean).view(3, 1, 1)) / torch.tensor(SMALL.std).view(3, 1, 1))
        expected = torch.stack([outputs[:, [0, 2]].logsumexp(1), outputs[:, 1]], dim=1)
        torch.testing.assert_close(classifier(images), expected, rtol=1e-5, atol=1e-6)
        assert classifier.classes == ("cat", "dog")


def test_a_model_without_parameters():
    with borrowed(
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), classes=("r", "g", "b"), preprocess=SMALL
    ) as red:
        assert red(torch.ones(1, 3, 12, 16)).shape == (1, 3)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_models_type_stays(model, dtype):
    model.zero_grad()
    with borrowed(model.to(dtype), classes=("a", "b", "c"), preprocess=SMALL) as classifier:
        assert classifier(torch.rand(1, 3, 12, 16)).dtype == torch.float32
    assert {parameter.dtype for parameter in model.parameters()} == {dtype}


def test_what_cannot_be_borrowed(model):
    with pytest.raises(WeightsError, match="classes and groups both name the classes"):
        borrowed(model, classes=("a", "b"), groups={"a": 1, "b": 2}).__enter__()
    with pytest.raises(WeightsError, match="'model' has lazy layers; run it once on images before"):
        borrowed(nn.Sequential(nn.LazyConv2d(3, 3))).__enter__()
