"""From the scores of a batch to the tables of a shard (see docs/formats.md)."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import safetensors.torch
import torch
from PIL import Image

from bench.engine.scores import BatchScores
from bench.serialise import canonical
from datasets import Batch, Skipped

JPEG_QUALITY = 90
_WHO = [("image_id", pa.string()), ("label", pa.string()), ("predicted", pa.string())]
_MAP = [("method", pa.string()), ("layer", pa.string()), ("target", pa.string()), ("role", pa.string())]
_DOUBLES, _INTEGERS = pa.list_(pa.float64()), pa.list_(pa.int32())

SCHEMAS = {
    "scores": pa.schema([*_WHO, *_MAP, ("metric", pa.string()), ("value", pa.float64())]),
    "curves": pa.schema(
        [
            _WHO[0],
            *_MAP,
            ("direction", pa.string()),
            ("substrate", pa.string()),
            *((name, _DOUBLES) for name in ("fraction", "probability", "probability_other", "margin")),
        ]
    ),
    "images": pa.schema([_WHO[0], ("path", pa.string()), *_WHO[1:], ("probability", _DOUBLES), ("jpeg", pa.binary())]),
    "localisation": pa.schema(
        [*_WHO, *_MAP, ("foreground", _INTEGERS), ("background", _INTEGERS), ("box_iou", _DOUBLES)]
    ),
}
WORKING = {  # of a shard alone: used once all are there, and gone with them
    "weights": pa.schema(
        [
            *_WHO,
            *_MAP[2:],
            ("annotation", pa.string()),
            *((name, pa.int32()) for name in ("height", "width")),
            *((name, pa.list_(pa.float32())) for name in ("inside", "everywhere")),
        ]
    ),
}

Entry = tuple[torch.Tensor, Mapping[str, str | int], dict[str, torch.Tensor]]


@dataclass(frozen=True)
class ShardTables:
    """What a shard writes: tables by name, raw maps as a safetensors file, what was skipped, undefined maps."""

    tables: dict[str, pa.Table]
    maps: bytes
    skipped: tuple[Skipped, ...]
    undefined: dict[tuple[str, str], int] = field(default_factory=dict)  # per method and layer


def shard_tables(
    scores: BatchScores, labels: Sequence[str], paths: Sequence[str], classes: Sequence[str]
) -> ShardTables:
    """Tables of one shard.

    Args:
        scores: of the batch.
        labels: of the images in the batch, in its order.
        paths: of their files, as text; "" for an image without one.
        classes: names in the order of the logits.
    """
    columns = _RowColumns(scores, labels, classes)
    tables = {"scores": _scores(scores, columns), "images": _images(scores, labels, paths, columns)}
    if scores.curves:
        tables["curves"] = _curves(scores, columns)
    if scores.boxes:
        tables["localisation"] = _localisation(scores, columns)
    if scores.weights:
        tables["weights"] = _weights(scores, columns)
    raw = {f"{method}/{layer}": scores.maps.raw(method, layer).contiguous() for method, layer in scores.maps.signed}
    metadata = {"image_ids": json.dumps(scores.batch.ids), "classes": json.dumps(list(classes))}
    maps = canonical(safetensors.torch.save(raw, metadata))
    return ShardTables(tables, maps, scores.batch.skipped, scores.undefined)


def only_skipped(batch: Batch) -> ShardTables:
    """The shard of a batch without any readable image."""
    return ShardTables({}, b"", batch.skipped)


class _RowColumns:
    """The columns that image and target decide; row b * K + k is image b, target k."""

    def __init__(self, scores: BatchScores, labels: Sequence[str], classes: Sequence[str]) -> None:
        names = np.array(classes, dtype=object)
        self._classes = count = len(names)
        self.predicted = names[scores.maps.logits.argmax(dim=1).numpy()]
        self.rows = {
            "image_id": np.repeat(np.array(scores.batch.ids, dtype=object), count),
            "label": np.repeat(np.array(labels, dtype=object), count),
            "predicted": np.repeat(self.predicted, count),
            "target": np.tile(names, len(labels)),
            "role": scores.roles.astype(object),
        }

    def image_of(self, rows: torch.Tensor) -> np.ndarray:
        """Index of the image in the batch, per row."""
        return rows.numpy() // self._classes


def _scores(scores: BatchScores, columns: _RowColumns) -> pa.Table:
    entries = [
        (rows, dict(zip(("method", "layer", "metric"), key, strict=True)), {"value": values})
        for key, (rows, values) in scores.values.items()
    ]
    return _table("scores", columns, entries)


def _curves(scores: BatchScores, columns: _RowColumns) -> pa.Table:
    entries = []
    for (method, layer, name), (rows, curve) in scores.curves.items():
        direction, _, substrate = name.partition("_")
        constants = {"method": method, "layer": layer, "direction": direction, "substrate": substrate}
        values = {
            "fraction": curve.fraction.expand(len(rows), -1),
            "probability": curve.probability,
            "probability_other": curve.probability_other,
            "margin": curve.margin,
        }
        entries.append((rows, constants, values))
    return _table("curves", columns, entries)


def _localisation(scores: BatchScores, columns: _RowColumns) -> pa.Table:
    entries = [
        (rows, {"method": method, "layer": layer}, {"foreground": front, "background": back, "box_iou": ious})
        for (method, layer), (rows, front, back, ious) in scores.boxes.items()
    ]
    return _table("localisation", columns, entries)


def _weights(scores: BatchScores, columns: _RowColumns) -> pa.Table:
    entries: list[Entry] = [
        (rows, {"annotation": name, "height": h, "width": w}, {"inside": inside, "everywhere": everywhere})
        for (name, h, w), (rows, inside, everywhere) in scores.weights.items()
    ]
    return pa.concat_tables([_table("weights", columns, [entry]) for entry in entries])  # grids differ in length


def _table(name: str, columns: _RowColumns, entries: Sequence[Entry]) -> pa.Table:
    """One table from entries of (rows, constant columns, values at the rows), ordered by image, entry, target."""
    schema = {**SCHEMAS, **WORKING}[name]
    if not entries:  # none of these images has what a metric asks for
        return schema.empty_table()
    places = np.repeat(np.arange(len(entries)), [len(rows) for rows, _, _ in entries])
    all_rows = torch.cat([rows for rows, _, _ in entries])
    order = np.lexsort((all_rows.numpy(), places, columns.image_of(all_rows)))
    built = {key: column[all_rows.numpy()][order] for key, column in columns.rows.items()}
    for key in entries[0][1]:
        built[key] = np.array([constants[key] for _, constants, _ in entries], dtype=object)[places][order]
    for key in entries[0][2]:
        values = torch.cat([values[key] for _, _, values in entries]).numpy()[order]
        built[key] = values if values.ndim == 1 else list(values)
    return pa.table({key: built[key] for key in schema.names}, schema=schema)


def _images(scores: BatchScores, labels: Sequence[str], paths: Sequence[str], columns: _RowColumns) -> pa.Table:
    return pa.table(
        {
            "image_id": list(scores.batch.ids),
            "path": list(paths),
            "label": list(labels),
            "predicted": list(columns.predicted),
            "probability": scores.maps.logits.double().softmax(dim=1).tolist(),
            "jpeg": [_jpeg(image) for image in scores.batch.images],
        },
        schema=SCHEMAS["images"],
    )


def _jpeg(image: torch.Tensor) -> bytes:
    """A picture (3, H, W), uint8 or in [0, 1], as a JPEG file."""
    if image.is_floating_point():
        image = (image.clamp(0, 1) * 255).round().byte()
    buffer = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
