"""What two runs must share for their numbers to be paired, and what differs in words."""

from collections.abc import Mapping
from typing import Any

from reports.runs.run import Run

NAMED = 3  # images that are named; more are counted
Fields = dict[str, Any]


def must_match(manifest: Mapping[str, Any]) -> Fields:
    """What makes two runs the same job, field by field."""
    checkpoint = manifest["checkpoint"]
    return {
        "data": manifest["dataset"].get("fingerprint"),
        "class order": checkpoint["classes"],
        "groups of outputs": checkpoint.get("groups"),
        "preprocessing": checkpoint.get("preprocess"),
        "image size": manifest["image_size"],
        "seeds": manifest["seeds"],
        "protocols": manifest["protocols"],
    }


def differences(first: Run, second: Run) -> list[str]:
    """What makes two runs different jobs, one text each: before and now."""
    ours, theirs = must_match(first.manifest), must_match(second.manifest)
    said: list[str] = []
    for name in ours:
        before, now = ours[name], theirs[name]
        if before == now:
            continue
        if name == "data":
            said += _data(first, second)
        elif name == "protocols":
            said += _protocols(before, now)
        elif isinstance(before, Mapping) and isinstance(now, Mapping):
            said += _fields(name, before, now)
        else:
            said.append(f"{name}: {_text(before)} before, {_text(now)} now")
    return said


def _data(first: Run, second: Run) -> list[str]:
    """How the images differ: how many, of which labels, which; a hash says nothing to a reader."""
    said = []
    for name, field in (("data set", "name"), ("split", "split"), ("images", "n"), ("images per label", "labels")):
        before, now = (run.manifest["dataset"].get(field) for run in (first, second))
        if before != now:
            said.append(f"{name}: {_text(before)} before, {_text(now)} now")
    before, now = (set(run.all_scores["image_id"]) for run in (first, second))
    for what, names in (("new", now - before), ("gone", before - now)):
        if names:
            some = ", ".join(f"'{name}'" for name in sorted(names)[:NAMED])
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            said.append(f"{what}: {some}{more}")
    return said or [f"contents of the images: the same {len(now)} names, but other pictures, labels or annotations"]


def _protocols(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    said = []
    for name in {**before, **now}:
        if name in before and name in now:
            said += _fields(f"protocol {name}", before[name], now[name])
        else:
            said.append(f"protocol {name}: {'scored before, not now' if name in before else 'not before, scored now'}")
    return said


def _fields(name: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    keys = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    return [f"{name}, {key}: {_text(before.get(key))} before, {_text(now.get(key))} now" for key in keys]


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{_text(item)} {key}" for key, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value)) or "none"
    return "none" if value is None else f"{value}"
