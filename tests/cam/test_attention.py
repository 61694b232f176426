"""LeGrad and attention rollout on transformers small enough to be written again by hand."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import SwinTransformer, VisionTransformer, vit_b_16

from cam import METHODS, MethodError, Network, compute_maps
from cam.attention import Attention

LAYER = "encoder.layers.encoder_layer_1.ln_1"
CLASSES = 3


def vit(seed: int = 0) -> VisionTransformer:
    torch.manual_seed(seed)
    network = VisionTransformer(32, 8, 2, 2, 12, 24, num_classes=CLASSES)
    nn.init.normal_(network.heads.head.weight)  # zeros before it is trained
    return network.eval()


def pictures(count: int = 2, side: int = 32) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(1))


def written_out(network: VisionTransformer, images: torch.Tensor) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Attention of both blocks, and dz^l / dA^l of every class, step by step."""
    tokens = network.conv_proj(images).flatten(2).transpose(1, 2)
    tokens = torch.cat([network.class_token.expand(len(images), -1, -1), tokens], dim=1) + network.encoder.pos_embedding
    attentions, gradients = [], []
    for block in network.encoder.layers:
        asked, wide = block.self_attention, block.ln_1(tokens).detach()
        parts = F.linear(wide, asked.in_proj_weight, asked.in_proj_bias).chunk(3, dim=-1)
        query, key, value = (part.unflatten(-1, (2, 6)).transpose(1, 2) for part in parts)
        attention = (query @ key.transpose(-2, -1) / 6**0.5).softmax(dim=-1).detach().requires_grad_()
        mixed = (attention @ value).transpose(1, 2).flatten(2)
        tokens = asked.out_proj(mixed) + tokens
        tokens = tokens + block.mlp(block.ln_2(tokens))
        logits = network.heads(network.encoder.ln(tokens)[:, 0])
        own = [torch.autograd.grad(logits[:, k].sum(), attention, retain_graph=True)[0] for k in range(CLASSES)]
        attentions.append(attention.detach())
        gradients.append(torch.stack(own, dim=1))
        tokens = tokens.detach()
    return attentions, gradients


def test_legrad_is_the_mean_of_what_each_block_owes_to_its_attention():
    network, images = vit(), pictures()
    _, gradients = written_out(network, images)
    expected = torch.stack([gradient.relu().mean(dim=(2, 3)) for gradient in gradients]).mean(dim=0)[..., 1:]
    found = compute_maps(Network(network), images, [LAYER], {"legrad": METHODS["legrad"]}).raw("legrad", LAYER)
    assert expected.max() > 0
    torch.testing.assert_close(found, expected.unflatten(-1, (4, 4)), rtol=1e-4, atol=1e-7)


def test_rollout_is_the_product_of_the_blocks():
    network, images = vit(), pictures()
    first, last = (attention.mean(dim=1) for attention in written_out(network, images)[0])
    same = torch.eye(17)
    expected = ((last + same) @ (first + same) / 4)[:, 0, 1:].unflatten(-1, (4, 4))
    found = compute_maps(Network(network), images, [LAYER], {"rollout": METHODS["rollout"]}).raw("rollout", LAYER)
    for k in range(CLASSES):
        torch.testing.assert_close(found[:, k], expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["legrad", "rollout"])
def test_maps_do_not_depend_on_the_batch_and_leave_the_network_as_it_was(name):
    network, images = vit(), pictures(3)
    before = network(images)
    together = compute_maps(Network(network), images, [LAYER], {name: METHODS[name]}).raw(name, LAYER)
    for one in range(3):
        alone = compute_maps(Network(network), images[one : one + 1], [LAYER], {name: METHODS[name]}).raw(name, LAYER)
        torch.testing.assert_close(alone[0], together[one], rtol=1e-4, atol=1e-7)
    assert torch.equal(network(images), before)
    assert F.scaled_dot_product_attention is torch._C._nn.scaled_dot_product_attention
    assert not any("forward" in module.__dict__ or module._forward_hooks for module in network.modules())


class Averaging(nn.Module):
    """One head, tokens of one channel, no class token; blocks attend with masks and scales of their own."""

    def __init__(self, **given: object) -> None:
        super().__init__()
        self.first, self.second = Attending(given), Attending({})
        self.head = nn.Linear(1, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        tokens = images.mean(dim=1).flatten(1)[..., None]
        return self.head(self.second(self.first(tokens)).mean(dim=1))


class Attending(nn.Module):
    def __init__(self, given: dict[str, object]) -> None:
        super().__init__()
        self.given = given

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return F.scaled_dot_product_attention(tokens[:, None], tokens[:, None], tokens[:, None], **self.given)[:, 0]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"scale": 3.0},
        {"attn_mask": torch.ones(4, 4, dtype=torch.bool).tril()},
        {"attn_mask": torch.arange(16.0).view(4, 4)},
    ],
)
def test_attention_is_computed_as_torch_does_and_without_a_class_token_all_rows_count(given):
    network, images = Averaging(**given).eval(), pictures(2, 2)
    tokens = images.mean(dim=1).flatten(1)[..., None]
    seen = []
    network_of = Network(network, reshape="tokens:0")
    tapped = network_of.tap(images, ["first"])

    def keep(found):
        seen.append(found.probabilities)
        return found.probabilities[0][:, 0].sum(dim=(1, 2))

    Attention(network, network)(keep, images, "first", tapped.forms["first"], 2, lambda gradient: gradient)
    torch.testing.assert_close(seen[0][0][:, 0] @ tokens, network.first(tokens), rtol=1e-5, atol=1e-6)
    found = compute_maps(network_of, images, ["first"], {"rollout": METHODS["rollout"]}).raw("rollout", "first")
    torch.testing.assert_close(found[:, 0].flatten(1).sum(dim=1), torch.ones(2))  # shares of one


@pytest.mark.parametrize("name", ["legrad", "rollout"])
def test_networks_without_such_attention_are_refused_in_one_line(name):
    convolution = nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    swin = SwinTransformer([4, 4], 12, [1, 2], [2, 2], [4, 4], num_classes=2)
    for network, layer, said in (
        (convolution, "0", "attention is defined for vision transformers tapped at tokens; '0' of this network"),
        (swin, "norm", "attention is defined for vision transformers tapped at tokens; 'norm' of this network"),
    ):
        with pytest.raises(MethodError, match=said) as raised:
            compute_maps(Network(network), pictures(side=64), [layer], {name: METHODS[name]})
        assert "\n" not in str(raised.value)


class Hidden(nn.Module):
    """Tokens whose attention torch does not compute."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(3, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.mix(images.flatten(2).transpose(1, 2)).mean(dim=1)


def test_attention_that_cannot_be_seen_is_refused():
    with pytest.raises(MethodError, match="found 0 attention maps in 0 such blocks"):
        compute_maps(Network(Hidden(), reshape="tokens:0"), pictures(), ["mix"], {"rollout": METHODS["rollout"]})


def test_a_layer_with_other_tokens_is_refused():
    network, images = vit(), pictures()
    form = Network(network).tap(images, [LAYER]).forms[LAYER]
    with pytest.raises(MethodError, match="attention is over 17 tokens, 'x' has 0 and 4 x 4 cells; tap a layer with"):
        Attention(network, network)(None, images, "x", type(form)("tokens", 0, (4, 4)), 3, None)


def test_a_usual_transformer():
    """Seeded weights, untrained; one picture, shared between the two."""
    torch.manual_seed(0)
    network = vit_b_16().eval()
    network.heads.head = nn.Linear(768, 2)
    layer = "encoder.layers.encoder_layer_11.ln_1"
    both = {name: METHODS[name] for name in ("legrad", "rollout")}
    maps = compute_maps(Network(network), pictures(1, 224), [layer], both)
    for name in both:
        found = maps.raw(name, layer)
        assert found.shape == (1, 2, 14, 14)
        assert found.isfinite().all() and found.max() > found.min() >= 0
    assert not torch.allclose(*maps.raw("legrad", layer)[0])
    assert torch.equal(*maps.raw("rollout", layer)[0])
