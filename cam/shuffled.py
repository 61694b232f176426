"""A network whose parameters are shuffled from the logits down: does a map notice? Adebayo et al. 2018.

Every parameter's own numbers are put into a random order that its name decides, so that their distribution stays, and
a parameter is shuffled the same way however deep the shuffling goes. What is not shuffled is shared, not copied.
Source: Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018; cascading randomisation.
"""

import copy

import torch
from torch import Tensor, nn

from cam.seeds import named_generator


def shuffled(model: nn.Module, network: nn.Module, share: float) -> tuple[nn.Module, nn.Module]:
    """A copy of the model, and in it of the network, with the last layers' parameters shuffled.

    Args:
        model: images to logits; `network` itself or a wrapper around it.
        network: whose layers are shuffled, in the order it names them.
        share: of the layers that have parameters, in [0, 1], rounded; at least the last one, which gives the logits.
    """
    layers = [name for name, module in network.named_modules() if list(module.parameters(recurse=False))]
    chosen = layers[len(layers) - max(1, round(share * len(layers))) :] if layers else []
    shared: dict[int, object] = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    for layer in chosen:
        for name, parameter in network.get_submodule(layer).named_parameters(recurse=False):
            shared[id(parameter)] = nn.Parameter(_shuffled(parameter, f"{layer}.{name}"), requires_grad=False)
    place = next(name for name, module in model.named_modules() if module is network)
    with torch.inference_mode(False):  # tensors that are made in it have no gradients ever after
        made: nn.Module = copy.deepcopy(model, shared)
    return made, made.get_submodule(place)


def _shuffled(parameter: Tensor, name: str) -> Tensor:
    with torch.inference_mode(False):
        order = torch.from_numpy(named_generator("shuffled", name).permutation(parameter.numel()))
        return parameter.detach().flatten()[order.to(parameter.device)].view_as(parameter).clone()
