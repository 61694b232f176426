"""Controls, and the truth of drawn scenes, as maps of a batch."""

from collections.abc import Iterator

from torch import Tensor

from bench.plan import Plan
from bench.truth import Truth
from cam import Maps, Reference, ReferenceInputs
from datasets import Batch


class References:
    """Maps of a batch that no network decides, layer by layer."""

    def __init__(self, images: Tensor, batch: Batch, truth: Truth | None, plan: Plan) -> None:
        self.plan = plan
        parts = None if batch.parts is None else batch.parts.to(plan.device)
        effect = None if truth is None else truth.part_effect
        self.inputs = {
            layer: ReferenceInputs(
                images,
                batch.ids,
                plan.config.seed,
                batch.present.shape[1],
                (shape["height"], shape["width"]),
                parts,
                effect,
            )
            for layer, shape in plan.layers.items()
        }

    def with_named(self, maps: Maps) -> Maps:
        """The maps of all methods, references among them, in the order they were named."""
        signed = {
            (name, layer): method.function(self.inputs[layer])
            if isinstance(method, Reference)
            else maps.signed[name, layer]
            for layer in self.plan.layers
            for name, method in self.plan.methods.items()
        }
        return Maps(maps.logits, signed)

    def controls(self) -> Iterator[tuple[tuple[str, str], Tensor]]:
        """Controls that were not named as methods."""
        for layer, inputs in self.inputs.items():
            for name, control in self.plan.controls.items():
                yield (name, layer), control.function(inputs)
