"""Maps of changed images, or of a changed network: for metrics that ask what moves a map."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.engine.job import Job
from cam import MapBatch, Method, Network, maps_of, tap_for

Change = Callable[[nn.Module], object]


@dataclass(frozen=True, eq=False)
class MapsAgain:
    """Computes one method's maps at one layer anew, row by row.

    Attributes:
        job: what is computed.
        method: whose maps.
        layer: where.
        ids: of the image of every row, R.
        target: class index of every row, (R,).
        negated: whether it is the map's maximum minus the map that is asked for.
    """

    job: Job
    method: Method
    layer: str
    ids: tuple[str, ...]
    target: Tensor
    negated: bool = False

    def __call__(self, images: Tensor, change: Change | str | None = None) -> Tensor:
        """Raw maps (R, h, w) of the rows' targets.

        Args:
            images: one per row, (R, 3, H, W) in [0, 1].
            change: alters a copy of the network (what `layers` name), which is then used; a function, or the name of
                one of `CHANGES`.
        """
        change = CHANGES[change] if isinstance(change, str) else change
        network = self.job.network if change is None else changed(self.job.network, change)
        images = images.to(self.job.device)  # metrics along curves have theirs on the host
        places = torch.arange(len(images)).split(self.job.batch_size)
        return torch.cat([self._maps(network, images[place], place) for place in places])

    def _maps(self, network: Network, images: Tensor, places: Tensor) -> Tensor:
        ids = tuple(self.ids[place] for place in places.tolist())
        tapped = tap_for(network, images, tuple(self.job.layers), {"": self.method})
        batch = MapBatch(network, tapped, images, ids, self.job.seed, self.job.batch_size)
        signed = maps_of(batch, {"": self.method}, (self.layer,))["", self.layer]
        target = self.target[places].to(signed.device)
        raw = signed[torch.arange(len(places), device=signed.device), target].relu()
        return raw.amax(dim=(-2, -1), keepdim=True) - raw if self.negated else raw


def shuffle_parameters(network: nn.Module) -> None:
    """Puts the numbers of every parameter into a random order, drawn from seed 0: the distribution stays."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            parameter.copy_(parameter.flatten()[order].view_as(parameter))


CHANGES: dict[str, Change] = {"shuffled": shuffle_parameters}


def changed(network: Network, change: Change) -> Network:
    """A copy of the model whose tapped network was altered."""
    with torch.inference_mode(False):  # tensors that are made in it have no gradients ever after
        model = copy.deepcopy(network.model)
        place = next(name for name, module in network.model.named_modules() if module is network.network)
        inner = model.get_submodule(place)
        change(inner)
    return Network(model, inner, network.reshape)
