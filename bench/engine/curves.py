"""The perturbation stage of one batch: what the metrics need the network for, beyond the maps."""

from collections.abc import Sequence

import torch
from torch import Tensor

from bench.engine.job import Job
from bench.engine.stopwatch import Stopwatch
from metrics.imputation import IMPUTED, impute
from metrics.inputs import MapInputs
from metrics.margins import probabilities
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

    def masked_images(self, inputs: MapInputs, rows: Tensor) -> Tensor:
        """The images (R, 3, H, W) masked by the scaled maps at `rows`, the mean colour elsewhere."""
        weight = min_max_scaled(inputs.upsampled[rows])[:, None]  # (R, 1, H, W)
        colour = mean_substrate(self.images[:1], self.job.mean)
        return torch.lerp(colour, self.images[rows // self.logits.shape[1]], weight)

    def masked_probability(self, images: Tensor, rows: Tensor) -> Tensor:
        """Softmax probability (R,) of the targets at `rows` on the masked images, on the host."""
        if not len(rows):
            return torch.empty(0, dtype=torch.float64)
        with self.watch.stage("perturbation"):
            logits = torch.cat([self.score_fn(part) for part in images.split(self.job.batch_size)])
            return probabilities(logits.cpu(), rows % self.logits.shape[1])

    def _substrate(self, kind: str) -> tuple[Tensor, Tensor]:
        """What missing pixels are made of, and the logits without any pixel of the image."""
        if kind == IMPUTED and kind not in self.substrates:  # with nothing to impute from, the mean colour
            noise = SUBSTRATES[kind].made(self.images, self.job.mean, self.ids, self.job.seed)
            self.substrates[kind] = noise, self._substrate("mean")[1]
        elif kind not in self.substrates:
            substrate = SUBSTRATES[kind].made(self.images, self.job.mean, self.ids, self.job.seed)
            self.substrates[kind] = substrate, self.score_fn(substrate)
        return self.substrates[kind]
