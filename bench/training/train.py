"""`cambench train`: a checkpoint from any data set and architecture."""

import dataclasses
import hashlib
import io
import math
import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.environment import code_hash, git_state, make_deterministic, select_device, versions
from bench.errors import ConfigError
from bench.process.lock import LOCK, only_writer, tidy
from bench.process.progress import Progress
from bench.run.data import read_dataset
from bench.run.plan import known_architectures
from bench.serialise import canonical
from bench.training.config import TrainConfig
from bench.training.images import Batches, Features, Images
from datasets import Record
from datasets.names import listed
from reports.files import remove_scratch, write_atomic
from weights import Classifier, WeightsError, checkpoint_bytes, fresh_classifier, load_classifier
from weights.classes import CLASSES
from weights.files import DAMAGED
from weights.training import Epoch, Trainer
from weights.transfer import TRUNK, LastLayer, last_layer, with_new_head

SCRATCH = "alexnet_narrow"  # what is trained unless something else is named


def train(config: TrainConfig) -> Path:
    """Trains, and writes the checkpoint of the best epoch with its model card; interrupted, it goes on where it was.

    Returns:
        The checkpoint.

    Raises:
        ConfigError, DatasetError, WeightsError: input that cannot be used.
    """
    if config.out.suffix != ".safetensors":
        raise ConfigError(f"out is '{config.out}', expected a file ending in .safetensors")
    state = config.out.with_suffix(".state.pt")
    card = config.out.with_suffix(".md")
    taken = next((path for path in (config.out, card) if path.exists()), None)
    lock = config.out.with_name(_lock_name(config.out.name))
    if taken is not None and not state.exists():
        tidy(lock)
        raise ConfigError(f"out '{taken}' exists already; choose another --out, or move it away")
    config.out.parent.mkdir(parents=True, exist_ok=True)
    busy = f"another training is writing '{config.out}'; wait until it ends, or choose another --out"
    with only_writer(lock, busy):
        remove_scratch(config.out.parent, (config.out.name, card.name, state.name))
        return _train(config, state)


def _lock_name(name: str) -> str:
    return f"{LOCK}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}"  # short, whatever the name


def _train(config: TrainConfig, state: Path) -> Path:
    make_deterministic(config.seed)
    device = select_device(config.device)
    classifier = _start(config, device)
    data = _Data.of(config, classifier.classes)
    loaded = Images(config, classifier, data.training), Images(config, classifier, data.held_out)
    whole = config.freeze != (TRUNK,)
    last = last_layer(classifier) if not whole or config.trunk_rate is not None else ""
    images: tuple[Batches, Batches] = loaded
    if not whole:
        images = Features(loaded[0], classifier, last), Features(loaded[1], classifier, last)
    trainer = Trainer(
        classifier if whole else LastLayer(classifier, last),
        epochs=config.epochs,
        steps=math.ceil(len(data.training) / config.batch_size),
        rate=config.rate,
        seed=config.seed,
        smoothing=config.smoothing,
        dropout=config.dropout,
        freeze=(config.freeze or ()) if whole else (),
        slow=None if config.trunk_rate is None else (last, config.trunk_rate),
    )
    memory = _Memory(state, config, data, device)
    memory.restore(trainer)
    for number in range(len(trainer.history) + 1, config.epochs + 1):
        order = np.random.default_rng([config.seed, number]).permutation(len(data.training))
        with (
            closing(images[0].batches(order)) as training,
            closing(images[1].batches(np.arange(len(data.held_out)))) as held_out,
            Progress(len(order), verb=f"epoch {number}/{config.epochs}: trained on") as progress,
        ):
            epoch = trainer.run_epoch(training, held_out, progress.advance)
        print(f"epoch {number}/{config.epochs}: loss {epoch.loss:.4f}, accuracy {epoch.accuracy:.4f}", flush=True)
        memory.keep(trainer)
    trainer.finish()
    _write(config, data, trainer, classifier.eval().requires_grad_(False))
    memory.forget()
    return config.out


@dataclass(frozen=True)
class _Data:
    """Images to train on, and images of one class to test on."""

    name: str
    fingerprint: str
    training: Sequence[Record]
    held_out: Sequence[Record]

    @classmethod
    def of(cls, config: TrainConfig, classes: Sequence[str]) -> "_Data":
        dataset = read_dataset(config.dataset, config.data_root, config.split, config.limit, classes)
        training, single = list(dataset.records), [record for record in dataset.records if len(record.classes) == 1]
        if config.val_split is not None:
            other = read_dataset(config.dataset, config.data_root, config.val_split, None, classes)
            held_out = [record for record in other.records if len(record.classes) == 1]
        else:
            chosen = np.random.default_rng([config.seed, 0]).permutation(len(single))[: len(single) // 10]
            held_out = [single[place] for place in sorted(chosen)]
            names = {record.image_id for record in held_out}
            training = [record for record in training if record.image_id not in names]
        lacking = set(classes) - {name for record in training if len(record.classes) == 1 for name in record.classes}
        if lacking or not held_out:
            raise ConfigError(
                f"{len(training)} images to train on and {len(held_out)} to test on; expected some of each of "
                f"{listed(classes)} alone, and at least one to test on; give a larger data set, or --val-split"
            )
        return cls(dataset.name, dataset.fingerprint(), training, held_out)


def _start(config: TrainConfig, device: torch.device) -> Classifier:
    """The network to train, and what images go through in front of it."""
    if config.weights is not None:
        classifier = _continued(config.weights, config.classes, config.arch, device)
    else:
        arch = config.arch or SCRATCH
        known, classes = known_architectures(arch), config.classes or CLASSES
        classifier = fresh_classifier(arch, classes=classes, device=device, architectures=known)
    chosen = {key: getattr(config, key) for key in ("resize", "crop", "interpolation")}
    said = {key: value for key, value in chosen.items() if value is not None}
    checkpoint = classifier.checkpoint
    preprocess = dataclasses.replace(checkpoint.preprocess, **said)
    return Classifier(classifier.network, dataclasses.replace(checkpoint, preprocess=preprocess))


def _continued(weights: Path, classes: tuple[str, ...] | None, arch: str | None, device: torch.device) -> Classifier:
    """The checkpoint's network, with a new head where its own is not of these classes or this architecture."""
    try:
        classifier = load_classifier(weights, classes=classes, device=device)
    except WeightsError:
        if classes is None:
            raise
        classifier = load_classifier(weights, device=device)  # of other classes
    wanted = classes or classifier.classes
    same = arch is None or arch == classifier.checkpoint.arch
    if same and not classifier.checkpoint.groups and tuple(wanted) == classifier.classes:
        return classifier
    classifier, new = with_new_head(classifier, wanted, known_architectures(arch), arch)
    print(f"{', '.join(new)}: new, for {listed(wanted)}; all else is from '{weights}'", flush=True)
    return classifier


class _Memory:
    """The state after the last finished epoch, beside the checkpoint to be."""

    def __init__(self, path: Path, config: TrainConfig, data: _Data, device: torch.device) -> None:
        self.path = path
        where = ("out", "workers", "data_root", "device")
        chosen = {k: v for k, v in dataclasses.asdict(config).items() if k not in where}
        own = sorted(name.partition(":")[0] for name in (config.dataset, config.arch or "") if ":" in name)
        made_with = (code_hash(own), versions(), device.type, torch.get_num_threads())
        self.identity = repr((chosen, data.fingerprint, len(data.training), len(data.held_out), made_with))

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
                f"'{self.path}' is of another training, or of other code, versions or threads; remove it to begin "
                "again, or choose another --out"
            )
        trainer.restore(state)

    def keep(self, trainer: Trainer) -> None:
        buffer = io.BytesIO()
        torch.save({"identity": self.identity, "state": trainer.state()}, buffer)
        write_atomic(self.path, buffer.getvalue())

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)


def _write(config: TrainConfig, data: _Data, trainer: Trainer, classifier: Classifier) -> None:
    best: Epoch = max(reversed(trainer.history), key=lambda epoch: epoch.accuracy)  # of equal ones the last, as kept
    about = {
        "data": f"{data.name}, {config.split or 'all'}: {len(data.training)} images",
        "data_fingerprint": data.fingerprint,
        "accuracy": f"{best.accuracy:.4f} on {len(data.held_out)} images not trained on",
        "training": f"{config.epochs} epochs from {config.weights or 'scratch'}, the best is epoch {best.number}; "
        f"AdamW, cosine from {config.rate:g}{_apart(config)}, batch {config.batch_size}, label smoothing "
        f"{config.smoothing:g}, dropout {'as built' if config.dropout is None else f'{config.dropout:g}'}, "
        f"seed {config.seed}",
        "versions": f"torch {versions()['torch']}, cambench {versions()['cambench']}, {_revision()}",
    }
    name = config.out.stem
    rows = {"architecture": classifier.checkpoint.arch, "classes": ", ".join(classifier.classes), **about}
    lines = [f"# {name}", "", "| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows.items())]
    write_atomic(config.out.with_suffix(".md"), ("\n".join(lines) + "\n").encode())
    # Last: where the checkpoint is, the training is complete.
    write_atomic(config.out, canonical(checkpoint_bytes(classifier, {"name": name, **about})))


def _apart(config: TrainConfig) -> str:
    """What was trained otherwise than the rest, or not at all."""
    slow = "" if config.trunk_rate is None else f" (all but the last layer from {config.trunk_rate:g})"
    return f"{slow}, frozen: {', '.join(config.freeze)}" if config.freeze else slow


def _revision() -> str:
    state = git_state()
    return f"revision {state['revision'] or 'unknown'}{' with changes' if state['dirty'] else ''}"
