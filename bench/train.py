"""`cambench train`: a checkpoint from any data set and architecture."""

import dataclasses
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.environment import auto_workers, git_state, make_deterministic, select_device, versions
from bench.errors import ConfigError
from bench.plan import known_architectures, read_dataset
from bench.progress import Progress
from bench.train_config import TrainConfig
from datasets import Record, load_batches
from reports.files import write_atomic
from weights import Classifier, checkpoint_bytes, fresh_classifier, load_classifier
from weights.files import DAMAGED
from weights.training import Epoch, Trainer


def train(config: TrainConfig) -> Path:
    """Trains, and writes the checkpoint of the best epoch with its model card; interrupted, it goes on where it was.

    Returns:
        The checkpoint.

    Raises:
        ConfigError, DatasetError, WeightsError: input that cannot be used.
    """
    if config.out.suffix != ".safetensors":
        raise ConfigError(f"out is '{config.out}', expected a file ending in .safetensors")
    if config.out.exists():
        raise ConfigError(f"out '{config.out}' exists already; choose another --out, or move it away")
    make_deterministic(config.seed)
    device = select_device(config.device)
    data = _Data.of(config)
    classifier = _start(config, device)
    trainer = Trainer(classifier, epochs=config.epochs, rate=config.rate, seed=config.seed)
    memory = _Memory(config, data)
    memory.restore(trainer)
    for number in range(len(trainer.history) + 1, config.epochs + 1):
        order = np.random.default_rng([config.seed, number]).permutation(len(data.training))
        with Progress(len(order), verb=f"epoch {number}/{config.epochs}: trained on") as progress:
            epoch = trainer.run_epoch(
                _batches(config, classifier, data.training, order),
                _batches(config, classifier, data.held_out, np.arange(len(data.held_out))),
                progress.advance,
            )
        print(f"epoch {number}/{config.epochs}: loss {epoch.loss:.4f}, accuracy {epoch.accuracy:.4f}", flush=True)
        memory.keep(trainer)
    _write(config, data, trainer)
    memory.forget()
    return config.out


@dataclass(frozen=True)
class _Data:
    """One-animal images to train and to test on."""

    name: str
    fingerprint: str
    training: Sequence[Record]
    held_out: Sequence[Record]

    @classmethod
    def of(cls, config: TrainConfig) -> "_Data":
        dataset = read_dataset(config.dataset, config.data_root, config.split, config.limit)
        single = [record for record in dataset.records if len(record.classes) == 1]
        if config.val_split is not None:
            other = read_dataset(config.dataset, config.data_root, config.val_split, None)
            training, held_out = single, [record for record in other.records if len(record.classes) == 1]
        else:
            chosen = set(np.random.default_rng([config.seed, 0]).permutation(len(single))[: len(single) // 10].tolist())
            training = [record for place, record in enumerate(single) if place not in chosen]
            held_out = [record for place, record in enumerate(single) if place in chosen]
        if len({record.label for record in training}) < 2 or not held_out:
            raise ConfigError(
                f"{len(training)} images to train on and {len(held_out)} to test on; expected cats and dogs, and at "
                "least one to test on; give a larger data set, or --val-split"
            )
        return cls(dataset.name, dataset.fingerprint(), training, held_out)


def _start(config: TrainConfig, device: torch.device) -> Classifier:
    if config.weights is not None:
        return load_classifier(config.weights, device=device)
    return fresh_classifier(config.arch, device=device, architectures=known_architectures(config.arch))


def _batches(
    config: TrainConfig, classifier: Classifier, records: Sequence[Record], order: np.ndarray
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches in an order; unreadable images are left out."""
    preprocess = classifier.checkpoint.preprocess
    size = config.batch_size
    loaded = load_batches(
        records,
        [order[start : start + size].tolist() for start in range(0, len(order), size)],
        resize=preprocess.resize,
        crop=preprocess.crop,
        classes=classifier.classes,
        workers=auto_workers() if config.workers is None else config.workers,
    )
    for batch in loaded:
        if batch.ids:
            yield batch.images.float() / 255, batch.present.float().argmax(dim=1)


class _Memory:
    """The state after the last finished epoch, beside the checkpoint to be."""

    def __init__(self, config: TrainConfig, data: _Data) -> None:
        self.path = config.out.with_suffix(".state.pt")
        where = ("out", "workers", "data_root", "device")
        chosen = {k: v for k, v in dataclasses.asdict(config).items() if k not in where}
        self.identity = repr((chosen, data.fingerprint, len(data.training), len(data.held_out)))

    def restore(self, trainer: Trainer) -> None:
        if not self.path.exists():
            return
        try:
            content: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
            identity, state = content["identity"], content["state"]
        except DAMAGED as error:
            raise ConfigError(f"'{self.path}' cannot be read; remove it to begin again") from error
        if identity != self.identity:
            raise ConfigError(
                f"'{self.path}' is of another training; remove it to begin again, or choose another --out"
            )
        trainer.restore(state)

    def keep(self, trainer: Trainer) -> None:
        buffer = io.BytesIO()
        torch.save({"identity": self.identity, "state": trainer.state()}, buffer)
        write_atomic(self.path, buffer.getvalue())

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)


def _write(config: TrainConfig, data: _Data, trainer: Trainer) -> None:
    best: Epoch = max(trainer.history, key=lambda epoch: epoch.accuracy)
    about = {
        "data": f"{data.name}, {config.split or 'all'}: {len(data.training)} images",
        "data_fingerprint": data.fingerprint,
        "accuracy": f"{best.accuracy:.4f} on {len(data.held_out)} images not trained on",
        "training": f"{config.epochs} epochs from {config.weights or 'scratch'}, the best is epoch {best.number}; "
        f"AdamW, cosine from {config.rate:g}, batch {config.batch_size}, seed {config.seed}",
        "versions": f"torch {versions()['torch']}, cambench {versions()['cambench']}, {_revision()}",
    }
    classifier = trainer.finish()
    name = config.out.stem
    write_atomic(config.out, checkpoint_bytes(classifier, {"name": name, **about}))
    rows = {"architecture": classifier.checkpoint.arch, "classes": ", ".join(classifier.classes), **about}
    lines = [f"# {name}", "", "| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows.items())]
    write_atomic(config.out.with_suffix(".md"), ("\n".join(lines) + "\n").encode())


def _revision() -> str:
    state = git_state()
    return f"revision {state['revision'] or 'unknown'}{' with changes' if state['dirty'] else ''}"
