"""A call leaves the model, torch, random numbers, warnings and figures as they were, also when it fails."""

import copy
import random
import warnings

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt

from bench.errors import ConfigError
from bench.library.untouched import moved


def state_of(model) -> dict:
    """All of a model that a call could change: values, and which tensors hold them."""
    return {
        "modes": [module.training for module in model.modules()],
        "hooks": [
            len(getattr(module, kind))
            for module in model.modules()
            for kind in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
        ],
        "keys": [sorted(module.__dict__) for module in model.modules()],
        "wanted": [each.requires_grad for each in model.parameters()],
        "held": [(id(each), each.data_ptr(), each.stride(), each.device) for each in model.parameters()],
        "gradients": [
            None if each.grad is None else (id(each.grad), each.grad.sum().item()) for each in model.parameters()
        ],
        "buffers": [(id(each), each.data_ptr()) for each in model.buffers()],
    }


def settings() -> dict:
    cudnn = torch.backends.cudnn
    return {
        "flags": (cudnn.benchmark, cudnn.deterministic, cudnn.enabled, cudnn.allow_tf32),
        "precision": (torch.get_float32_matmul_precision(), torch.backends.cuda.matmul.allow_tf32),
        "strict": (torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()),
        "torch": (
            torch.get_default_dtype(),
            torch.get_num_threads(),
            torch.is_grad_enabled(),
            torch.get_default_device(),
        ),
        "modes": (torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu")),
        "random": (random.getstate(), torch.get_rng_state().tolist(), np.random.get_state()[1].tolist()),  # noqa: NPY002
        "warnings": list(warnings.filters),
        "figures": (plt.get_fignums(), mpl.get_backend(), dict(mpl.rcParams)),
    }


@pytest.fixture
def odd(model):
    """A model in use: half in training, some weights frozen, one with a gradient, a hook, a counter that counts."""
    model.train()
    model.features.eval()
    model.features[0].weight.requires_grad_(False)
    model.head.weight.grad = torch.ones_like(model.head.weight)
    model.register_buffer("passes", torch.zeros((), dtype=torch.long))
    model.register_forward_hook(lambda module, *_: module.passes.add_(1) and None)
    return model


@pytest.fixture
def elsewhere():
    """Settings that nobody has by accident, given back after the test."""
    cudnn, before = torch.backends.cudnn, settings()
    cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.set_default_dtype(torch.float64)
    figure = plt.figure()
    with warnings.catch_warnings(), mpl.rc_context({"figure.dpi": 77}):
        warnings.filterwarnings("ignore", "of the test")
        yield
    plt.close(figure)
    torch.set_default_dtype(torch.float32)
    torch.use_deterministic_algorithms(False)
    torch.set_float32_matmul_precision(before["precision"][0])
    cudnn.benchmark = before["flags"][0]


def changing(raw):
    """A metric that changes what is everybody's."""
    torch.manual_seed(7)
    random.seed(7)
    np.random.seed(7)  # noqa: NPY002
    torch.set_num_threads(torch.get_num_threads() + 1)
    warnings.simplefilter("always")
    return raw.sum(dim=(1, 2))


def failing(raw):
    changing(raw)
    raise RuntimeError("no luck")


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
@pytest.mark.parametrize("fails", [False, True])
def test_all_is_as_it_was(score, odd, images, labels, elsewhere, mode, fails):
    values, before, pictures = copy.deepcopy(odd.state_dict()), state_of(odd), images.clone()
    with mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        found = settings()
        if fails:
            with pytest.raises(
                ConfigError, match=r"metric 'failing' raised RuntimeError: no luck \(test_untouched.py, line"
            ):
                score(odd, images, labels, metrics=[failing])
        else:
            result = score(odd, images, labels, metrics=[changing, "effective_area"])
            assert result.summary()["mean"].notna().all()
            assert result.figure("distribution_dispersion") is not None
            assert "<table>" in result._repr_html_()
        for key, value in settings().items():
            assert value == found[key], key
    assert state_of(odd) == before
    assert all(torch.equal(value, values[key]) for key, value in odd.state_dict().items())
    assert torch.equal(images, pictures)


def test_settings_of_the_caller_change_no_number(score, elsewhere):
    torch.set_default_dtype(torch.float32)
    expected = score().scores
    torch.set_default_dtype(torch.float64)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16), torch.device("meta"):
        found = score().scores
    assert found.equals(expected)


def test_a_model_that_was_moved_has_its_own_tensors_again(model):
    """On the meta device there are no values to move back: what was there is put back."""
    model.head.weight.grad = torch.ones_like(model.head.weight)
    before, values = state_of(model), copy.deepcopy(model.state_dict())
    with pytest.raises(KeyError), moved(model, torch.device("meta")):
        assert {each.device.type for each in (*model.parameters(), *model.buffers())} == {"meta"}
        raise KeyError
    assert state_of(model) == before
    assert all(torch.equal(value, values[key]) for key, value in model.state_dict().items())


def test_a_model_of_inference_mode_is_refused_in_one_line(score, images, labels):
    with torch.inference_mode():
        frozen = torch.nn.Conv2d(3, 3, 3)
    with pytest.raises(ConfigError, match=r"made in torch\.inference_mode"):
        score(frozen, images, labels)


def test_nothing_is_left_in_the_folder_for_temporary_files(score, odd, images, labels, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(ConfigError, match="no luck"):
        score(odd, images, labels, metrics=[failing])
    assert not list(tmp_path.iterdir())
    result = score()
    assert len(list(tmp_path.iterdir())) == 1
    del result
    assert not list(tmp_path.iterdir())
