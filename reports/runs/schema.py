"""What manifest.json of a run directory must hold (docs/formats.md); the first field that does not is named."""

import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from reports.errors import ReportError
from reports.plain import visible

SCHEMA_VERSION = 1
ADVICE = "undo the edit, or score the run again"
SHA256 = re.compile("[0-9a-f]{64}")
SHOWN = 60  # characters of a value that is not as it should be

Rule = tuple[str, Callable[[Any], bool]]  # what is expected, in words, and whether a value is


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < 2**63


def _texts(value: Any, least: int) -> bool:
    return isinstance(value, list) and len(value) >= least and all(isinstance(entry, str) for entry in value)


TEXT: Rule = ("text", lambda value: isinstance(value, str))
OBJECT: Rule = ("an object", lambda value: isinstance(value, dict))
ENTRIES: Rule = ("an object with at least one entry", lambda value: isinstance(value, dict) and bool(value))
COUNT: Rule = ("a whole number, 0 or more", lambda value: _whole(value, 0))
SIZE: Rule = ("a whole number, 1 or more", lambda value: _whole(value, 1))
NUMBER: Rule = ("a finite number", _number)
SPENT: Rule = ("a number, 0 or more", lambda value: _number(value) and value >= 0)
BOOL: Rule = ("true or false", lambda value: isinstance(value, bool))
HASH: Rule = (
    "a SHA-256, 64 hexadecimal digits",
    lambda value: isinstance(value, str) and bool(SHA256.fullmatch(value)),
)
TEXTS: Rule = ("a list of texts", lambda value: _texts(value, 1))
LINES: Rule = ("a list of texts, or an empty one", lambda value: _texts(value, 0))
CLASSES: Rule = ("two or more different names", lambda value: _texts(value, 2) and len({*value}) == len(value))
DIRECTION: Rule = ("higher, lower or none", lambda value: value in ("higher", "lower", "none"))
RANGE: Rule = (
    "two numbers, null for unbounded",
    lambda value: isinstance(value, list) and len(value) == 2 and all(end is None or _number(end) for end in value),
)
SIDES: Rule = (
    "height and width in pixels",
    lambda value: isinstance(value, list) and len(value) == 2 and all(_whole(side, 1) for side in value),
)

# Fields from the top, `*` is every name; with a question mark they may be missing or null, with a tilde missing alone.
MANIFEST: dict[str, Rule] = {
    "error?": TEXT,
    "started": TEXT,
    "finished": TEXT,
    "dataset": OBJECT,
    "dataset/name": TEXT,
    "dataset/root?": TEXT,
    "dataset/split?": TEXT,
    "dataset/n?": COUNT,
    "dataset/fingerprint?": TEXT,
    "dataset/labels": OBJECT,
    "dataset/labels/*": COUNT,
    "checkpoint": OBJECT,
    "checkpoint/name": TEXT,
    "checkpoint/arch": TEXT,
    "checkpoint/sha256?": TEXT,
    "checkpoint/classes": CLASSES,
    "checkpoint/preprocess?": OBJECT,
    "checkpoint/parameters?": COUNT,
    "checkpoint/notes?": LINES,
    "checkpoint/warnings?": LINES,
    "dataset/notes?": LINES,
    "image_size": SIDES,
    "layers": ENTRIES,
    "layers/*": OBJECT,
    "layers/*/channels?": SIZE,
    "layers/*/height": SIZE,
    "layers/*/width": SIZE,
    "methods": ENTRIES,
    "methods/*": OBJECT,
    "methods/*/title": TEXT,
    "methods/*/size?": SIDES,
    "methods/*/meaning?": TEXT,
    "methods/*/source?": TEXT,
    "controls?": OBJECT,
    "controls?/*": OBJECT,
    "controls?/*/title": TEXT,
    "controls?/*/meaning?": TEXT,
    "smoothed?": OBJECT,
    "smoothed?/*": OBJECT,
    "smoothed?/*/method": TEXT,
    "smoothed?/*/sigma": NUMBER,
    "substrates?": OBJECT,
    "substrates?/*": OBJECT,
    "substrates?/*/title": TEXT,
    "substrates?/*/meaning?": TEXT,
    "substrates?/*/metric": TEXT,
    "metrics": OBJECT,
    "metrics/*": OBJECT,
    "metrics/*/title": TEXT,
    "metrics/*/family": TEXT,
    "metrics/*/direction": DIRECTION,
    "metrics/*/range": RANGE,
    "metrics/*/unit": TEXT,
    "metrics/*/meaning": TEXT,
    "metrics/*/source": TEXT,
    "metrics/*/validated?": TEXT,
    "protocols": OBJECT,
    "protocols/*": OBJECT,
    "protocols/*/directions": TEXTS,
    "protocols/*/substrates": TEXTS,
    "seeds": OBJECT,
    "seeds/run": COUNT,
    "seeds/tie_rule?": COUNT,
    "counts": OBJECT,
    "counts/images": COUNT,
    "counts/scored": COUNT,
    "counts/skipped": COUNT,
    "left_out?": OBJECT,
    "left_out?/*": COUNT,
    "undefined_maps?": OBJECT,
    "undefined_maps?/*": OBJECT,
    "undefined_maps?/*/*": COUNT,
    "timings?": OBJECT,
    "timings?/*": NUMBER,
    "config~": OBJECT,
    "batch_size~": SIZE,
    "ranks~": SIZE,
    "peak_memory_mb?": SPENT,
    "versions~": OBJECT,
    "versions~/*": TEXT,
    "device~": OBJECT,
    "device~/type?": TEXT,
    "device~/name?": TEXT,
    "device~/threads?": SIZE,
    "git~": OBJECT,
    "git~/revision?": TEXT,
    "git~/dirty?": BOOL,
    "code~": HASH,
    "files~": OBJECT,
    "files~/*": OBJECT,
    "files~/*/bytes": COUNT,
    "files~/*/sha256": HASH,
}


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a complete run, every field that a report looks at checked; those that may be null have none.

    Raises:
        ReportError: no run, another schema version, not complete, or a field that is missing or not as expected.
    """
    path = folder / "manifest.json"
    manifest = _complete(folder, path)
    for pattern, (wanted, holds) in MANIFEST.items():
        for field, value in _fields(manifest, pattern.split("/"), ()):
            if value is _MISSING:
                raise ReportError(f"'{path}' has no field '{field}', expected {wanted}; {ADVICE}")
            if not holds(value):
                raise ReportError(f"'{path}', field '{field}' is {_short(value)}, expected {wanted}; {ADVICE}")
    counts = manifest["counts"]
    if counts["images"] != counts["scored"] + counts["skipped"]:
        raise ReportError(
            f"'{path}', field 'counts.images' is {counts['images']}, expected as many as were scored or skipped, "
            f"{counts['scored']} + {counts['skipped']}; {ADVICE}"
        )
    for name, record in manifest["protocols"].items():
        if len(record["directions"]) != len(record["substrates"]):
            raise ReportError(f"'{path}', field 'protocols.{visible(name)}' has no substrate per direction; {ADVICE}")
    manifest["dataset"].setdefault("split", None)
    return manifest


def _complete(folder: Path, path: Path) -> dict[str, Any]:
    """The manifest as it is, of a run that is complete."""
    if not path.is_file():
        raise ReportError(f"'{folder}' is no run directory (no manifest.json); give the --out folder of cambench run")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        json.dumps(manifest, ensure_ascii=False).encode()  # halves of letters cannot be written again
        version, status = manifest["schema_version"], manifest["status"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ReportError(f"'{path}' cannot be read ({visible(repr(error))[:200]}); score the run again") from error
    if version != SCHEMA_VERSION:
        raise ReportError(f"'{folder}' has schema version {_short(version)}, expected {SCHEMA_VERSION}; score it again")
    if status != "complete":
        raise ReportError(
            f"the run in '{folder}' is not complete ({_short(status)}); finish it with cambench run --resume"
        )
    return dict(manifest)


_MISSING = object()


def _fields(value: Any, parts: list[str], above: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Name and value of every field that a pattern means; of optional ones only those that are there."""
    if not parts:
        yield visible(".".join(above)), value
        return
    part = parts[0].rstrip("?~")
    if part == "*":
        for name, entry in value.items():
            yield from _fields(entry, parts[1:], (*above, name))
    elif parts[0].endswith("?") and value.get(part) is None:
        value.pop(part, None)
    elif parts[0].endswith("~") and part not in value:
        return
    elif part in value:
        yield from _fields(value[part], parts[1:], (*above, part))
    else:
        yield visible(".".join((*above, part))), _MISSING


def _short(value: Any) -> str:
    text = visible(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
