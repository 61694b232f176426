import pytest
import torch
from torch import nn

from cam import Network, tap
from cam.form import MAP, Form, LayerError, form_of

SQUARE, WIDE = (224, 224), (224, 288)


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [
        ((2, 256, 13, 13), SQUARE, "map"),
        ((2, 1, 1, 1), SQUARE, "map"),
        ((2, 7, 7, 768), SQUARE, "channels_last"),
        ((2, 7, 9, 768), WIDE, "channels_last"),
        ((2, 768, 7, 9), WIDE, "map"),
        ((2, 7, 8, 8), SQUARE, "map"),  # seven channels
        ((2, 8, 8, 7), SQUARE, "channels_last"),
        ((2, 7, 7, 7), SQUARE, "map"),  # nothing speaks against it
        ((2, 16, 4, 1), SQUARE, "map"),  # of odd proportions, whichever way
        ((2, 196, 32), SQUARE, "tokens:0"),
        ((2, 197, 32), SQUARE, "tokens:1"),
        ((2, 198, 32), SQUARE, "tokens:2"),
        ((2, 201, 32), SQUARE, "tokens:5"),
        ((2, 14 * 18 + 1, 32), WIDE, "tokens:1"),
    ],
)
def test_the_form_is_found_from_the_shapes(shape, size, expected):
    assert str(form_of(torch.zeros(shape), size)) == expected


def test_grids_have_the_proportions_of_the_image():
    assert form_of(torch.zeros(1, 14 * 18 + 1, 4), WIDE).grid == (14, 18)
    assert form_of(torch.zeros(1, 9, 4), (7, 7)).grid == (3, 3)  # no whole number of pixels


def test_layers_of_a_known_kind_leave_no_doubt():
    output = torch.zeros(2, 7, 7, 7)
    assert form_of(output, SQUARE, module=nn.LayerNorm(7)).kind == "channels_last"
    assert form_of(output, SQUARE, module=nn.Linear(7, 7)).kind == "channels_last"
    assert form_of(torch.zeros(2, 7, 7, 3), SQUARE, module=nn.Conv2d(7, 7, 1)) == MAP


def test_a_named_form_is_taken():
    assert form_of(torch.zeros(2, 7, 7, 768), SQUARE, "none") == MAP
    assert form_of(torch.zeros(2, 8, 8, 8), SQUARE, "channels_last").kind == "channels_last"
    assert form_of(torch.zeros(2, 52, 8), SQUARE, "tokens:3") == Form("tokens", 3, (7, 7))
    assert form_of(torch.zeros(2, 50, 8), SQUARE, "tokens") == Form("tokens", 1, (7, 7))
    with pytest.raises(LayerError, match=r"gives \(2, 50, 8\): no grid of 224 x 224 pixels with 2 tokens before it"):
        form_of(torch.zeros(2, 50, 8), SQUARE, "tokens:2")


@pytest.mark.parametrize("reshape", ["token", "tokens:", "tokens:-1", "tokens:x", ""])
def test_an_unknown_form_is_refused(reshape):
    said = f"^reshape is '{reshape}', expected auto, none, channels_last, tokens or tokens:PREFIX"
    network = nn.Conv2d(3, 2, 1)
    for refuse in (
        lambda: form_of(torch.zeros(2, 50, 8), SQUARE, reshape),
        lambda: Network(network, reshape=reshape),
        lambda: tap(network, network, torch.zeros(1, 3, 4, 4), [], reshape=reshape),
    ):
        with pytest.raises(LayerError, match=said):
            refuse()


@pytest.mark.parametrize(
    ("output", "reshape", "shown"),
    [
        (torch.zeros(2, 5), "auto", r"\(2, 5\)"),
        (torch.zeros(2, 50, 8), "none", r"\(2, 50, 8\)"),
        ((torch.zeros(2, 50, 8), None), "auto", "tuple"),
        (torch.zeros(2, 3, 4, 5, 6), "auto", r"\(2, 3, 4, 5, 6\)"),
    ],
)
def test_what_is_no_map_is_refused(output, reshape, shown):
    with pytest.raises(LayerError, match=rf"gives {shown}, a map needs \(B, C, h, w\)"):
        form_of(output, SQUARE, reshape)


def test_tokens_without_a_grid_are_refused():
    with pytest.raises(LayerError, match=r"no grid .* usual number of tokens .* give --reshape tokens:PREFIX"):
        form_of(torch.zeros(2, 7, 8), SQUARE)
    with pytest.raises(LayerError, match="no grid"):
        form_of(torch.zeros(2, 0, 8), SQUARE)


def test_tokens_run_row_by_row_behind_the_prefix():
    tokens = torch.tensor([[[9.0], [0.0], [1.0], [2.0], [3.0], [4.0], [5.0]]])  # one of the class, then 2 x 3
    form = Form("tokens", 1, (2, 3))
    assert form.to_map(tokens).tolist() == [[[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]]]
    assert torch.equal(form.fold(form.to_map(tokens) * 2, tokens).flatten(), torch.tensor([9.0, 0, 2, 4, 6, 8, 10]))


@pytest.mark.parametrize(
    ("form", "shape"),
    [(MAP, (2, 5, 3, 4)), (Form("channels_last"), (2, 3, 4, 5)), (Form("tokens", 2, (3, 4)), (2, 14, 5))],
)
def test_folding_undoes_the_reshape(form, shape):
    output = torch.rand(shape)
    assert form.to_map(output).shape == (2, 5, 3, 4)
    assert torch.equal(form.fold(form.to_map(output), output), output)
    gradients = torch.stack([output, 2 * output], dim=1)  # (B, K, ...)
    assert torch.equal(form.to_map(gradients)[:, 1], 2 * form.to_map(output))
