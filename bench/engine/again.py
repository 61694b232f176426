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

    def __call__(self, images: Tensor, change: Change | float | None = None) -> Tensor:
        """Raw maps (R, h, w) of the rows' targets.

        Args:
            images: one per row, (R, 3, H, W) in [0, 1].
            change: of the network. A function alters a copy of it (what `layers` name), which is then used; a number
                is the share of its layers, from the logits down, whose parameters are shuffled, 0 the last one alone.
        """
        network = self._network(change)
        images = images.to(self.job.device)  # metrics along curves have theirs on the host
        places = torch.arange(len(images)).split(self.job.batch_size)
        return torch.cat([self._maps(network, images[place], place) for place in places])

    def _network(self, change: Change | float | None) -> Network:
        if change is None:
            return self.job.network
        return changed(self.job.network, change) if callable(change) else self.job.network.shuffled(change)

    def _maps(self, network: Network, images: Tensor, places: Tensor) -> Tensor:
        ids = tuple(self.ids[place] for place in places.tolist())
        tapped = tap_for(network, images, tuple(self.job.layers), {"": self.method})
        batch = MapBatch(network, tapped, images, ids, self.job.seed, self.job.batch_size)
        signed = maps_of(batch, {"": self.method}, (self.layer,))["", self.layer]
        target = self.target[places].to(signed.device)
        raw = signed[torch.arange(len(places), device=signed.device), target].relu()
        return raw.amax(dim=(-2, -1), keepdim=True) - raw if self.negated else raw


def changed(network: Network, change: Change) -> Network:
    """A copy of the model whose tapped network was altered."""
    with torch.inference_mode(False):  # tensors that are made in it have no gradients ever after
        model = copy.deepcopy(network.model)
        place = next(name for name, module in network.model.named_modules() if module is network.network)
        inner = model.get_submodule(place)
        change(inner)
    return Network(model, inner, network.reshape)
