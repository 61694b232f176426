"""A data set meets a network: its labels in the network's names."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from datasets.names import Names, listed
from datasets.records import Dataset, DatasetError, Record


def matched(dataset: Dataset, classes: Sequence[str]) -> Dataset:
    """The data set with the network's names of its classes, and a note of those that no image shows.

    Names match as in `datasets.names.Names`: Cats is cat.

    Args:
        dataset: with labels and boxes of any names.
        classes: names of the network's classes.

    Raises:
        DatasetError: a label that is none of the network's classes.
    """
    names = Names(classes)
    meant = {name: names.find(name) for name in _named(dataset)}
    unknown = [name for name, found in meant.items() if not found]
    if unknown:
        verb = "is" if len(unknown) == 1 else "are"
        raise DatasetError(
            f"data set '{dataset.name}' shows {listed(unknown)}, which {verb} {names.none_of()}"
            f"{names.closest(unknown[0])}, the network's classes; leave these images out, or name the classes with "
            "--classes, in the order of the network's outputs"
        )
    records = dataset.records
    if any(name != found for name, found in meant.items()):
        records = tuple(_renamed(record, meant) for record in records)
    return replace(dataset, records=records, notes=(*dataset.notes, *_missing(records, names)))


def _named(dataset: Dataset) -> list[str]:
    """Every name of a class, of labels and boxes."""
    labels = {name for record in dataset.records for name in record.classes}
    return sorted(labels | {box.class_name for record in dataset.records for box in record.boxes})


def _renamed(record: Record, meant: Mapping[str, str]) -> Record:
    if record.drawing is not None:
        raise DatasetError(
            f"drawn scenes show {' and '.join(record.classes)}, spelled so; name the classes so with --classes"
        )
    visible = tuple(dict.fromkeys(meant[name] for name in record.classes))
    boxes = tuple(replace(box, class_name=meant[box.class_name]) for box in record.boxes)
    return replace(record, classes=visible, boxes=boxes)


def _missing(records: Sequence[Record], names: Names) -> list[str]:
    seen = {name for record in records for name in record.classes}
    missing = [name for name in names.classes if name not in seen]
    if not missing or not seen:
        return []
    if len(names.classes) == 2:
        return [f"no image shows a {missing[0]}: nothing is said of the class, and accuracy is of the other alone"]
    those = "the class" if len(missing) == 1 else "these classes"
    return [
        f"no image shows {listed(missing, ' or ')}: nothing is said of {those}, and accuracy is of the others alone"
    ]
