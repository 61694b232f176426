"""Methods that weight channels or cells by gradients, by the classifier, or by chance: one shared pass is enough.

A (B, C, h, w) are activations, G (B, K, C, h, w) gradients of the logits z (B, K).
"""

import torch
from torch import Tensor

from cam.seeds import drawn

SIMILAR = 3  # classes that Finer-CAM compares with


def weighted(weights: Tensor, activations: Tensor) -> Tensor:
    """Sum over channels of weights (B, K, C) times A, (B, K, h, w)."""
    return torch.einsum("bkc,bchw->bkhw", weights, activations)


def cam(activations: Tensor, classifier_weights: Tensor) -> Tensor:
    """CAM: S[k] = sum_c W[k, c] A[c].

    The mean of S over the cells is the logit without its bias. h w times Grad-CAM there.

    Source: Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016, equation 2.

    Args:
        activations: A.
        classifier_weights: W (K, C); a network without them (`MethodError`) has no CAM.

    Returns:
        Signed map. Range: the reals, in logits.
    """
    return torch.einsum("kc,bchw->bkhw", classifier_weights, activations)


def plusplus_weights(activations: Tensor, squares: Tensor, cubes: Tensor, positive: Tensor) -> Tensor:
    """Sum over cells of alpha positive, alpha = G2 / (2 G2 + (sum A) G3), 0 where its denominator is; (B, K, C)."""
    total = activations.sum(dim=(-2, -1))[:, None, :, None, None]  # (B, 1, C, 1, 1)
    denominator = 2 * squares + total * cubes
    alpha = torch.where(denominator != 0, squares / _nonzero(denominator), 0)
    return (alpha * positive).sum(dim=(-2, -1))


def gradcam_plusplus(activations: Tensor, gradients: Tensor) -> Tensor:
    """Grad-CAM++: S[k] = sum_c a[k, c] A[c], a = sum over cells of alpha ReLU(G), alpha = 1 / (2 + (sum A) G).

    The paper's G^2 / (2 G^2 + (sum A) G^3) for a score exp(z), whose factor exp(z) scales the whole map and is left
    out; G^2 is cancelled, so that small gradients do not vanish. alpha is 0 where 2 + (sum A) G is 0.

    Source: Chattopadhay et al., "Grad-CAM++", WACV 2018, arXiv 1710.11063, equations 5, 10 and 19.

    Args:
        activations: A.
        gradients: G.

    Returns:
        Map, never negative where A is not. Range: the reals.
    """
    ones = torch.ones_like(gradients)
    return weighted(plusplus_weights(activations, ones, gradients, gradients.relu()), activations)


def xgradcam(activations: Tensor, gradients: Tensor) -> Tensor:
    """XGrad-CAM: S[k] = sum_c a[k, c] A[c], a = sum over cells of G A / sum over cells of A.

    A channel whose activations sum to 0 has no weight and adds nothing.

    Source: Fu et al., "Axiom-based Grad-CAM", BMVC 2020, arXiv 2008.02312, equation 7.

    Args:
        activations: A.
        gradients: G.

    Returns:
        Signed map. Range: the reals, in logits. Grad-CAM where G is the same in all cells.
    """
    total = activations.sum(dim=(-2, -1))[:, None]  # (B, 1, C)
    shares = torch.where((total != 0)[..., None, None], activations[:, None] / _nonzero(total)[..., None, None], 0)
    return weighted((gradients * shares).sum(dim=(-2, -1)), activations)


def _nonzero(values: Tensor) -> Tensor:
    return torch.where(values != 0, values, 1)


def hirescam(activations: Tensor, gradients: Tensor) -> Tensor:
    """HiResCAM: S[k] = sum_c G[k, c] A[c], cell by cell.

    On a network that is linear behind the layer S sums to the logit without its bias.

    Source: Draelos and Carin, "Use HiResCAM instead of Grad-CAM", arXiv 2011.08891, equation 3.

    Args:
        activations: A.
        gradients: G.

    Returns:
        Signed map. Range: the reals, in logits.
    """
    return (gradients * activations[:, None]).sum(dim=2)


def gradcam_elementwise(activations: Tensor, gradients: Tensor) -> Tensor:
    """Element-wise Grad-CAM: S[k] = sum_c ReLU(G[k, c] A[c]).

    LayerCAM where A is not negative.

    Source: the pytorch-grad-cam package; no paper of its own.

    Args:
        activations: A.
        gradients: G.

    Returns:
        Map, at least 0, in logits.
    """
    return (gradients * activations[:, None]).relu().sum(dim=2)


def finercam(activations: Tensor, gradients: Tensor, logits: Tensor, strength: float = 1.0) -> Tensor:
    """Finer-CAM: Grad-CAM of z_k - strength * (mean of the z of the classes most like k).

    The three classes whose logits are closest to z_k; all others where there are fewer, so that with two classes it is
    Grad-CAM of the margin.

    Source: Zhang et al., "Finer-CAM: Spotting the Difference", CVPR 2025, arXiv 2501.11309, equations 5 and 6. The
    paper picks similar classes by their classifier's weights, its code and this by their logits, which every network
    has.

    Args:
        activations: A.
        gradients: G.
        logits: z.
        strength: gamma.

    Returns:
        Signed map. Range: the reals, in logits.
    """
    classes = logits.shape[1]
    apart = (logits[:, :, None] - logits[:, None]).abs()  # (B, K, K)
    apart.diagonal(dim1=1, dim2=2).fill_(torch.inf)
    nearest = apart.argsort(dim=2, stable=True)[..., : min(SIMILAR, classes - 1)]
    like = torch.zeros_like(apart).scatter_(2, nearest, 1 / max(1, nearest.shape[2]))
    weights = gradients.mean(dim=(-2, -1))  # (B, K, C)
    return weighted(weights - strength * like @ weights, activations)


def randomcam(activations: Tensor, ids: tuple[str, ...], seed: int, classes: int) -> Tensor:
    """RandomCAM: S[k] = sum_c a[k, c] A[c] with a uniform in [-1, 1): what knowing the network adds to its activations.

    Source: the pytorch-grad-cam package, as a control. Image and seed decide the numbers, never the batch.

    Args:
        activations: A.
        ids: of the images.
        seed: of the run.
        classes: K.

    Returns:
        Signed map. Range: the reals.
    """
    channels = activations.shape[1]
    weights = drawn(ids, seed, lambda own: own.random((classes, channels)), "randomcam")
    return weighted((2 * weights - 1).to(activations), activations)


def shapleycam(activations: Tensor, gradients: Tensor, logits: Tensor, curvature: Tensor) -> Tensor:
    """ShapleyCAM: S[k] = sum_c a[k, c] A[c], a = mean over cells of (g - H A / 2) of the utility u_k = z_k + log p_k.

    u_k = 2 z_k - logsumexp z has the gradient g_k = 2 G_k - m with m = sum_j p_j G_j, and
    H A = 2 H_k A - sum_j p_j (H_j A) - sum_j p_j G_j <G_j, A> + m <m, A>.

    Source: Cai, "CAMs as Shapley Value-based Explainers", 2025, arXiv 2501.06261: ShapleyCAM with the residual softmax
    utility ReST. With the logit alone as utility and ReLU behind the layer H is 0 and the map Grad-CAM's.

    Args:
        activations: A.
        gradients: G.
        logits: z.
        curvature: H_k A of every logit, (B, K, C, h, w).

    Returns:
        Signed map. Range: the reals.
    """
    share = logits.softmax(dim=1)
    pull = torch.einsum("bkchw,bchw->bk", gradients, activations)  # <G_k, A>
    mean = torch.einsum("bk,bkchw->bchw", share, gradients)
    bent = torch.einsum("bk,bkchw->bchw", share, curvature)
    spread = (
        torch.einsum("bk,bkchw->bchw", share * pull, gradients) - mean * (share * pull).sum(dim=1)[:, None, None, None]
    )
    first = 2 * gradients - mean[:, None]
    second = 2 * curvature - (bent + spread)[:, None]
    return weighted((first - second / 2).mean(dim=(-2, -1)), activations)


def smoothgradcam_plusplus(
    activations: Tensor,
    images: Tensor,
    ids: tuple[str, ...],
    seed: int,
    tap_again: object,
    draws: int = 5,
    spread: float = 0.1,
) -> Tensor:
    """Smooth Grad-CAM++: Grad-CAM++ with G, G^2 and G^3 averaged over noisy copies of the image, A of the image itself.

    Source: Omeiza et al., "Smooth Grad-CAM++", 2019, arXiv 1908.01224, equations 9 to 11; the numerator of alpha is
    the mean of G^2, as in Grad-CAM++, and not that of G, as the paper prints it.

    Args:
        activations: A.
        images: in [0, 1].
        ids: of the images.
        seed: of the run.
        tap_again: A and G of other images.
        draws: noisy copies of each image.
        spread: standard deviation of the noise, a share of the images' range.

    Returns:
        Map, never negative where A is not. Range: the reals.
    """
    powers: list[Tensor] = []
    for draw in range(draws):
        noise = drawn(ids, seed, lambda own: own.standard_normal(tuple(images.shape[1:])), "smooth", draw)
        moved = images + spread * noise.to(images)
        _, gradients = tap_again(moved)  # type: ignore[operator]
        found = [gradients / draws, gradients.square() / draws, gradients.pow(3) / draws]
        powers = [a + b for a, b in zip(powers, found, strict=True)] if powers else found
    mean, squares, cubes = powers
    return weighted(plusplus_weights(activations, squares, cubes, mean.relu()), activations)
