"""Mosaics: two photographs of one class and two of another, side by side: which class does a map follow?"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np

from datasets.records import Dataset, DatasetError, Record

SIDE = 2  # tiles by tiles
OF_EACH = SIDE * SIDE // 2


def mosaics(dataset: Dataset, count: int, seed: int) -> Dataset:
    """A data set of mosaics of 2 x 2 photographs, two of each of two classes, made of photographs of one class.

    Pairs of classes take turns. The four and their places are drawn by the seed and the mosaic's number, which is its
    id, from the photographs in the order of their ids. Where a class's map
    should sit are its two tiles, whole: the share of the map there is the Focus of Arias-Duart et al., "Focus! Rating
    XAI Methods and Finding Biases", FUZZ-IEEE 2022.

    Args:
        dataset: photographs.
        count: mosaics to make.
        seed: of the draws.

    Raises:
        DatasetError: fewer than two classes with two photographs each, or drawn scenes.
    """
    if dataset.drawn:
        raise DatasetError("mosaics are made of photographs, and --dataset synthetic is drawn; leave --mosaic out")
    of_class: dict[str, list[Record]] = defaultdict(list)
    for record in sorted(dataset.records, key=lambda record: record.image_id):
        if len(record.classes) == 1:
            of_class[record.classes[0]].append(record)
    pairs = list(combinations(sorted(name for name, records in of_class.items() if len(records) >= OF_EACH), 2))
    if not pairs:
        counts = ", ".join(f"{len(records)} of {name}" for name, records in sorted(of_class.items())) or "none"
        raise DatasetError(
            f"a mosaic needs two photographs of each of two classes, '{dataset.name}' has {counts}; score more images"
        )
    records = tuple(_mosaic(of_class, pairs[number % len(pairs)], number, seed) for number in range(count))
    note = f"{count} mosaics of {SIDE} x {SIDE}, made of {len(dataset.records)} photographs"
    return replace(dataset, records=records, notes=(*dataset.notes, note))


def _mosaic(of_class: dict[str, list[Record]], pair: Sequence[str], number: int, seed: int) -> Record:
    random = np.random.default_rng([seed, number])
    tiles = [
        of_class[name][place] for name in pair for place in random.choice(len(of_class[name]), OF_EACH, replace=False)
    ]
    name = f"mosaic/{number:05d}"
    return Record(name, Path(name), tuple(pair), tiles=tuple(tiles[place] for place in random.permutation(len(tiles))))
