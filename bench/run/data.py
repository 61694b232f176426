"""A data set meets a network: read by its adapter, labelled in the network's names."""

import dataclasses
from collections.abc import Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from bench.errors import ConfigError
from bench.names import resolve
from bench.userfunctions import check_parameters, guarded_result
from datasets import DATASETS, FORMER, ROOTLESS, Dataset, DatasetError, matched
from datasets.drawn import MOST_CLASSES
from datasets.gather import check_dataset


def read_dataset(
    name: str,
    root: Path | None,
    split: str | None,
    limit: int | None,
    classes: Sequence[str],
    *,
    download: bool = False,
) -> Dataset:
    """The list of images that an adapter gives, labelled in the network's names.

    An adapter with a parameter `classes` is told them; labels of any adapter are matched (`datasets.matched`).

    Raises:
        ConfigError, DatasetError: unknown adapter, what it cannot read, or images of another class.
    """
    former, name = name, FORMER.get(name, name)
    adapter: Any = resolve("data set", name, DATASETS)
    if root is None and name not in ROOTLESS:
        raise ConfigError(f"missing: --data-root, the folder or file that --dataset {name} reads")
    told = (tuple(classes),) if _takes_classes(adapter) else ()
    if name not in DATASETS:
        expected = ("root", "split", "download", *(("classes",) if told else ()))
        check_parameters(f"data set '{name}'", adapter, expected)
        adapter = guarded_result(f"data set '{name}'", adapter, object, DatasetError)
    dataset = matched(check_dataset(name, adapter(root, split, download, *told)), classes)
    if dataset.drawn and len(classes) > MOST_CLASSES:
        raise ConfigError(f"{len(classes)} classes, drawn scenes take at most {MOST_CLASSES}; name groups of outputs")
    if former != name:
        dataset = dataclasses.replace(dataset, notes=(f"--dataset {former} is called {name} now", *dataset.notes))
    return dataset if limit is None else dataset.limited(limit)


def _takes_classes(adapter: Any) -> bool:
    try:
        return "classes" in signature(adapter).parameters
    except (TypeError, ValueError):
        return False
