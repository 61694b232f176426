"""The maps of one batch through every metric, one method or control at one layer at a time."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.engine.again import MapsAgain
from bench.engine.curves import Perturbation
from bench.engine.job import Job
from bench.engine.scores import BatchScores, Key
from bench.engine.stopwatch import Stopwatch
from cam import NEGATED, MapBatch, Method
from metrics.evaluation import applicable, evaluate
from metrics.inputs import MapInputs, negated
from metrics.localisation import box_ious, pixel_histograms
from metrics.perturbation import Curve, at, read_backwards, turned
from metrics.registry import FORWARD, MASKED
from metrics.smoothing import smoothed

Forward = dict[str, Any]


@dataclass(frozen=True)
class Work:
    """Scores the maps of one batch, one method or control at one layer at a time."""

    scores: BatchScores
    job: Job
    curves: Perturbation
    asked: MapBatch
    watch: Stopwatch
    known: dict[str, np.ndarray]

    def score_method(self, key: Key, inputs: MapInputs) -> None:
        """Every metric of a method, and of its negated map; keeps its curves."""
        method, rows = self.job.methods[key[0]], self._forward_rows(inputs)
        forward = self._forward(inputs, rows, {}, self.job.curves_at(key[1])) | self._again(key[1], method, rows)
        for name in self.job.curves:
            if isinstance(found := forward.get(name), Curve):
                self.scores.curves[*key, name] = rows, found
        self._metrics(key, inputs, forward, rows)
        self._pool_pixels(key, inputs)
        if self.job.negated and method.kind == "method":
            backwards: Forward = {
                turned(curve): read_backwards(found)
                for curve in self.job.curves
                if turned(curve) in self.job.curves and isinstance(found := forward.get(curve), Curve)
            }
            self.score_control((f"{NEGATED}{key[0]}", key[1]), negated(inputs), backwards, method)
        if key[1] == next(iter(self.job.layers)):
            for name, (of, sigma) in self.job.smoothed.items():
                if of == key[0]:
                    self._score_smoothed((name, key[1]), smoothed(inputs, sigma))
        self.scores.undefined[key] = int((~inputs.defined).sum())

    def _score_smoothed(self, key: Key, inputs: MapInputs) -> None:
        """The metrics of a smoothed map that its curves give, of the classes that an image shows."""
        shown = np.isin(self.scores.roles, ("right", "present")) & self._asked()
        rows = torch.from_numpy(np.flatnonzero(shown & inputs.defined.cpu().numpy()))
        forward: Forward = {name: self.curves.curve(name, inputs, rows) for name in self.job.smooth_curves}
        every = torch.from_numpy(np.flatnonzero(shown))
        with self.watch.stage("metrics"):
            for name, metric in self.job.metrics.items():
                asked = {needed for needed in metric.inputs if needed in FORWARD}
                if len(every) and metric.curves and asked <= set(forward):
                    self.scores.values[*key, name] = every, evaluate(metric, inputs, every, forward, rows)

    def score_control(self, key: Key, inputs: MapInputs, known: Forward, method: Method) -> None:
        """What `known` gives of a control, and where it gets curves of its own, every metric."""
        rows = self._forward_rows(inputs)
        self._metrics(key, inputs, known, rows)
        chosen = self._controlled(key[1])
        if chosen[self._asked()].any():
            kept = torch.from_numpy(chosen)[rows]
            known = {name: at(found, kept) for name, found in known.items()}
            rows, turned_over = rows[kept], key[0].startswith(NEGATED)
            names = self.job.curves_at(key[1], control=True)
            forward = self._forward(inputs, rows, known, names) | self._again(key[1], method, rows, negated=turned_over)
            self._metrics(key, inputs, forward, rows, chosen)

    def _controlled(self, layer: str) -> np.ndarray:
        """Whether the controls of a row get curves of their own at a layer, (N,)."""
        how, images, ids = self.job.control_curves, self.job.control_images, self.scores.batch.ids
        here = how == "all" or (how == "sampled" and layer == next(iter(self.job.layers)))
        chosen = [here and (how == "all" or images is None or name in images) for name in ids]
        return np.repeat(np.array(chosen, dtype=bool), len(self.job.classes))

    def _pool_pixels(self, key: Key, inputs: MapInputs) -> None:
        """What the metrics over the pixels of all images need."""
        rows = torch.from_numpy(np.flatnonzero(self.known["mask"] & (self.scores.roles != "")))
        if len(rows) and "pxap" in self.job.metrics:
            self.scores.boxes[key] = rows, *_boxes(inputs, rows)

    def _asked(self) -> np.ndarray:
        """Whether a row's role gets curves, (N,)."""
        return np.isin(self.scores.roles, [*self.job.targets, "present"])

    def _forward_rows(self, inputs: MapInputs) -> Tensor:
        """Rows that get curves: not those without a finite map, which has no order."""
        return torch.from_numpy(np.flatnonzero(self._asked() & inputs.defined.cpu().numpy()))

    def _forward(self, inputs: MapInputs, rows: Tensor, known: Forward, names: tuple[str, ...]) -> Forward:
        """The curves of these names and what else needs the network, unless it is known; nothing for no rows."""
        forward = dict(known)
        if self._asked().any():
            forward |= {name: self.curves.curve(name, inputs, rows) for name in names if name not in known}
            if self.job.masked:
                forward[MASKED] = images = self.curves.masked_images(inputs, rows)
                forward["masked_probability"] = self.curves.masked_probability(images, rows)
        return forward

    def _again(self, layer: str, method: Method, rows: Tensor, *, negated: bool = False) -> Forward:
        """What metrics may call: the model, and the same method's maps of something else."""
        ids, classes = self.scores.batch.ids, len(self.job.classes)
        names = tuple(ids[row // classes] for row in rows.tolist())
        again = MapsAgain(self.job, method, layer, names, rows % classes, negated)
        known_here = method.size is not None or method.needs_truth  # maps of other images cannot be had
        return {"score": self.asked.score} | ({} if known_here else {"maps_of": again})

    def _metrics(
        self, key: Key, inputs: MapInputs, forward: Forward, forward_rows: Tensor, among: np.ndarray | None = None
    ) -> None:
        """Metrics that are not known yet; those that need the network at the rows `among` alone, None for all."""
        with self.watch.stage("metrics"):
            for name, metric in self.job.metrics.items():
                if metric.needs_others or (*key, name) in self.scores.values:
                    continue
                applies = applicable(metric, self.scores.roles, self.known)
                if metric.needs_forward:
                    if not all(needed in forward for needed in metric.inputs if needed in FORWARD):
                        continue
                    applies &= self._asked() if among is None else self._asked() & among
                rows = torch.from_numpy(np.flatnonzero(applies))
                if len(rows):
                    values = evaluate(metric, inputs, rows, forward, forward_rows)
                    self.scores.values[*key, name] = rows, values


def _boxes(inputs: MapInputs, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Object and background histograms and box IoUs at `rows`, on the host; 0 and NaN without a finite map."""
    maps, masks = inputs.upsampled[rows], inputs.mask[rows]  # type: ignore[index]
    undefined = ~inputs.defined.cpu()[rows, None]
    foreground, background = (counts.cpu().masked_fill(undefined, 0) for counts in pixel_histograms(maps, masks))
    return foreground, background, box_ious(maps, masks).masked_fill(undefined, torch.nan)
