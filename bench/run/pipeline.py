"""The one pipeline: images in, shards out, final files, report."""

import time
from collections import defaultdict
from collections.abc import Generator, Iterable
from contextlib import closing, nullcontext
from dataclasses import dataclass
from typing import Any

from bench.config import RunConfig
from bench.engine import Stopwatch, forward_passes
from bench.environment import auto_workers, make_deterministic, peak_memory_mb
from bench.errors import ConfigError
from bench.process.interrupt import StopRequest
from bench.process.progress import Progress
from bench.process.ranks import Ranks, process_group
from bench.process.voice import announce
from bench.run.manifest import dataset_record, first_manifest, identity, origin
from bench.run.plan import Plan, make_plan
from bench.run.scored import complete, score_function, score_shard
from bench.run.store import RunStore
from datasets import Batch, Skipped, load_batches
from datasets.text import printable
from reports import render

WAIT = 0.2  # seconds between two looks for the shards of other ranks


def run(config: RunConfig) -> bool:
    """Scores a data set and writes the run directory and, unless the options leave it out, its report.

    Under torchrun every rank scores its share of the shards, and the first one does the rest. Interrupted, a run
    leaves its finished shards for `resume`; failed, it says so in the manifest.

    Returns:
        Whether this process is the first rank, which finishes the run directory.

    Raises:
        ConfigError, DatasetError, WeightsError, LayerError, MetricError: input that cannot be used.
    """
    with process_group(config.device) as ranks:
        perform(prepare(config, ranks), ranks, report=not config.no_report)
    return ranks.first


@dataclass(frozen=True)
class Prepared:
    """A run of which all is known, and nothing is done.

    Attributes:
        plan: what to do.
        manifest: of its beginning.
        store: where it goes.
        started: when it was begun, by the performance counter.
    """

    plan: Plan
    manifest: dict[str, Any]
    store: RunStore
    started: float


def prepare(config: RunConfig, ranks: Ranks) -> Prepared:
    """Checks all that can be checked before any work, and writes nothing; no rank waits for another.

    Raises:
        ConfigError, DatasetError, WeightsError, LayerError, MetricError: input that cannot be used.
    """
    started = time.perf_counter()
    make_deterministic(config.seed)
    plan = make_plan(config, ranks.local)
    dataset, checkpoint = dataset_record(plan.dataset), plan.classifier.checkpoint
    manifest = first_manifest(plan.job, checkpoint, config, dataset, plan.maps, ranks=ranks.count)
    store = RunStore(config.out, manifest, len(plan.shards))
    if ranks.first:
        store.check(resume=config.resume)  # before anything is written into the folder, be it a lock
    return Prepared(plan, manifest, store, started)


def perform(prepared: Prepared, ranks: Ranks, *, report: bool = True) -> None:
    """Scores, writes the run directory and, if asked to, its report; every rank calls it.

    Raises:
        ConfigError: ranks that would compute different things, or another run in the same folder.
    """
    plan, manifest, store = prepared.plan, prepared.manifest, prepared.store
    ranks.require_same({**identity(manifest), **origin(manifest)})
    with store.locked() if ranks.first else nullcontext():
        manifest = _score(plan, store, ranks, manifest)
        if ranks.first:
            _end(store, manifest, prepared.started, report=report)


def _score(plan: Plan, store: RunStore, ranks: Ranks, manifest: dict[str, Any]) -> dict[str, Any]:
    """Scores what is not on disk yet; the first rank waits for the others, and writes the final files."""
    pending: list[int] = []
    if ranks.first:
        finished = store.create(resume=plan.config.resume)
        manifest = store.manifest()
        pending = [number for number in range(len(plan.shards)) if number not in finished]
        if pending:
            announce(_beginning(plan, store, manifest, len(finished)))
    watch = Stopwatch(plan.job.device)
    try:
        with StopRequest() as stop:
            _score_shards(plan, store, ranks.share(pending), watch, stop, _verb(ranks))
            _wait_for(pending, store, stop)
        return _finish(plan, store, watch, manifest) if ranks.first and manifest["status"] != "complete" else manifest
    except OSError:
        raise  # a full disk is no place for a manifest
    except Exception as error:
        if ranks.first:
            store.write_manifest({**manifest, "status": "failed", "error": f"{type(error).__name__}: {error}"})
        raise


def _beginning(plan: Plan, store: RunStore, manifest: dict[str, Any], finished: int) -> str:
    """One line: what is scored, how many, with what, where, and where it goes."""
    names = list(manifest["methods"])
    methods = " and ".join(names) if len(names) < 3 else f"{len(names)} methods"
    data, count = manifest["dataset"], len(plan.dataset.records)
    done = f", {finished} of {len(plan.shards)} batches are there" if finished else ""
    split = f" ({data['split']})" if data["split"] else ""
    return (
        f"scoring {count} images of {data['name']}{split} with {manifest['checkpoint']['name']}: {methods} at "
        f"{', '.join(manifest['layers'])}, on {plan.job.device}, into {printable(store.folder)}{done}"
    )


def _verb(ranks: Ranks) -> str:
    return "scored" if ranks.count == 1 else f"rank {ranks.rank} of {ranks.count} scored, with the others' share,"


def _wait_for(shards: list[int], store: RunStore, stop: StopRequest) -> None:
    """Returns when the shards are on disk, those of other ranks too; if one of them fails, this one is interrupted."""
    said = False
    while missing := set(shards) - store.finished():
        stop.check()
        if not said:
            announce(f"waiting for {len(missing)} batches of other ranks")
            said = True
        time.sleep(WAIT)


def _score_shards(
    plan: Plan, store: RunStore, pending: list[int], watch: Stopwatch, stop: StopRequest, verb: str
) -> None:
    """Scores shards in order, and ends between two of them if asked to."""
    total = len(plan.dataset.records)
    done = total - sum(len(plan.shards[number]) for number in pending)
    # Closed, the loader ends its processes; left to itself after an error, it would keep this one alive.
    with closing(_batches(plan, pending)) as batches, Progress(total, done, verb) as progress:
        share = 1 / forward_passes(plan.job)
        score_fn = score_function(plan.classifier, watch, lambda images: progress.advance(images * share))
        for number in pending:
            stop.check()
            with watch.stage("load"):
                batch = next(batches)
            records = [plan.dataset.records[position] for position in batch.positions]
            labels, paths = [record.label for record in records], [printable(record.path) for record in records]
            score_shard(number, batch, labels, paths, plan.job, score_fn, store, watch)
            done += len(plan.shards[number])
            progress.reach(done)
            del batch


def _batches(plan: Plan, pending: list[int]) -> Generator[Batch]:
    """The images of the shards, in order."""
    preprocess = plan.classifier.checkpoint.preprocess
    yield from load_batches(
        plan.dataset.records,
        [list(plan.shards[number]) for number in pending],
        resize=preprocess.resize,
        crop=preprocess.size,
        interpolation=preprocess.interpolation,
        classes=plan.classifier.checkpoint.classes,
        workers=auto_workers() if plan.config.workers is None else plan.config.workers,
        pin_memory=plan.job.device.type == "cuda",
        removals=plan.job.removals,
    )


def _finish(plan: Plan, store: RunStore, watch: Stopwatch, manifest: dict[str, Any]) -> dict[str, Any]:
    """Final files, and the manifest that says so."""
    unreadable = store.skipped()
    skipped = [*plan.dataset.skipped, *unreadable]
    scored = len(plan.dataset.records) - len(unreadable)
    with watch.stage("write"):
        store.write_skipped(skipped)
        if not scored:
            raise ConfigError(
                f"none of the {len(unreadable)} images could be read; {_first(unreadable)}; "
                f"'{store.folder / 'skipped.csv'}' says why"
            )
        _check_classes(plan, store, unreadable)
    return complete(store, plan.job, manifest, scored, skipped, watch)


def _check_classes(plan: Plan, store: RunStore, unreadable: list[Skipped]) -> None:
    """Every class that was given has an image that was scored.

    Raises:
        ConfigError: one has none; numbers of the other alone are not what was asked for.
    """
    lost, given = {entry.path for entry in unreadable}, defaultdict[str, list[str]](list)
    for record in plan.dataset.records if lost else ():
        for name in record.classes:
            given[name].append(printable(record.path))
    for name, paths in given.items():
        if lost.issuperset(paths):
            raise ConfigError(
                f"none of the {len(paths)} images of a {name} could be read; "
                f"{_first(entry for entry in unreadable if entry.path in paths)}; "
                f"'{store.folder / 'skipped.csv'}' says why"
            )


def _first(skipped: Iterable[Skipped]) -> str:
    """Path and reason of the first of them."""
    return next(f"the first is '{entry.path}': {entry.reason}" for entry in skipped)


def _end(store: RunStore, manifest: dict[str, Any], started: float, *, report: bool) -> None:
    """Renders the report, if there is to be one; a run's first end also completes its timings."""
    begun = time.perf_counter()
    if report:
        announce("drawing the report")
        render(store.folder)
    timings = manifest["timings"]
    if "total" not in timings:
        ended = time.perf_counter()
        timings |= {"report": round(ended - begun, 3)} if report else {}
        timings["total"] = round(ended - started, 3)
        timings["model_share"] = round(
            timings.get("model", 0.0) / timings["total"], 4
        )  # resumed, nothing may be left to score
        store.write_manifest({**manifest, "timings": timings, "peak_memory_mb": peak_memory_mb()})
