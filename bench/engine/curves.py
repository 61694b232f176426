"""The perturbation stage of one batch: what the metrics need the network for, beyond the maps."""

from collections.abc import Sequence

import torch
from torch import Tensor

from bench.engine.job import Job
from bench.engine.stopwatch import Stopwatch
from metrics.imputation import IMPUTED, impute
from metrics.inputs import MapInputs
from metrics.perturbation import Curve, ScoreFn, curve, masked_logits, replaced
from metrics.scaling import min_max_scaled
from metrics.substrates import SUBSTRATES, mean_substrate


class Perturbation:
    """Curves and masked probabilities of the maps of one batch; substrates are scored once for all maps."""

    def __init__(
        self, images: Tensor, logits: Tensor, ids: Sequence[str], job: Job, score_fn: ScoreFn, watch: Stopwatch
    ) -> None:
        self.images, self.logits, self.ids, self.job = images, logits, ids, job
        self.score_fn, self.watch = score_fn, watch
        self.substrates: dict[str, tuple[Tensor, Tensor]] = {}

    def curve(self, name: str, inputs: MapInputs, rows: Tensor) -> Curve:
        """The curve `direction_substrate` of the maps at `rows`, on the host."""
        direction, _, kind = name.partition("_")
        with self.watch.stage("metrics"):
            ranks = inputs.ranks[rows]
        classes = self.logits.shape[1]
        with self.watch.stage("perturbation"):
            substrate, substrate_logits = self._substrate(kind)
            logits = masked_logits(
                self.score_fn,
                self.images,
                substrate,
                ranks,
                (rows // classes).to(self.images.device),
                ends=(self.logits, substrate_logits),
                steps=self.job.steps,
                direction="deletion" if direction == "deletion" else "insertion",
                batch_size=self.job.batch_size,
                fill=impute if kind == IMPUTED else replaced,
            )
            return curve(logits.cpu(), rows % classes)

    def masked_probability(self, inputs: MapInputs, rows: Tensor) -> Tensor:
        """Softmax probability (R,) of the targets at `rows`, each image masked by its scaled map, on the host."""
        classes, size = self.logits.shape[1], self.job.batch_size
        owner = rows // classes
        with self.watch.stage("perturbation"):
            weight = min_max_scaled(inputs.upsampled[rows])[:, None]  # (R, 1, H, W)
            colour = mean_substrate(self.images[:1], self.job.mean)
            if not len(rows):
                return torch.empty(0, dtype=torch.float64)
            parts = [
                self.score_fn(torch.lerp(colour, self.images[index], w))
                for index, w in zip(owner.split(size), weight.split(size), strict=True)
            ]
            probability = torch.cat(parts).double().softmax(dim=1)
            return probability.cpu().gather(1, (rows % classes)[:, None])[:, 0]

    def _substrate(self, kind: str) -> tuple[Tensor, Tensor]:
        """What missing pixels are made of, and the logits without any pixel of the image."""
        if kind == IMPUTED and kind not in self.substrates:  # with nothing to impute from, the mean colour
            noise = SUBSTRATES[kind].made(self.images, self.job.mean, self.ids, self.job.seed)
            self.substrates[kind] = noise, self._substrate("mean")[1]
        elif kind not in self.substrates:
            substrate = SUBSTRATES[kind].made(self.images, self.job.mean, self.ids, self.job.seed)
            self.substrates[kind] = substrate, self.score_fn(substrate)
        return self.substrates[kind]
