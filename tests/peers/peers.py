"""Ours against pytorch-grad-cam, torch-cam, captum and Quantus, side by side in one process; writes docs' table.

Run by `make peers` in an environment of its own. Entries of a contest run in turn, each round from another one on;
a ratio is of two runs of one round. One thread, and the processor's time beside the clock's, so that other work on the
machine does little harm.
"""

import argparse
import os
import platform
import textwrap
from importlib.metadata import version
from pathlib import Path

import curves
import maps
import torch
import whole
from contest import hold, say, table
from setting import Setting

PEERS = ("grad-cam", "torchcam", "captum", "quantus")


def machine(of: Setting) -> str:
    """What the figures hold for."""
    with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
        named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "torchvision", *PEERS))
    said = (
        f"{named or platform.processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} thread; "
        f"Python {platform.python_version()}, {packages}; {of.weights.stem} at 224 x 224, float32, batch 32."
    )
    return textwrap.fill(said, 118) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--only", default="", help="contests whose title holds this; the rows of others stay")
    parser.add_argument("--rounds", type=int, help="of every contest")
    parser.add_argument("--out", type=Path, default=Path("runs/peers.md"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    of = Setting(options.weights, options.data_root)
    contests = [*maps.contests(of), *curves.contests(of), *whole.contests(of)]
    head, *rows = rows_of(options.out) if options.only else [""]
    for contest in contests:
        if options.only in contest.title:
            lines = hold(contest, say, options.rounds)
            rows = [row for row in rows if titled(row) != contest.title] + table(lines).splitlines()[2:]
            head = head or "\n".join(table(lines).splitlines()[:2])
    places = {contest.title: place for place, contest in enumerate(contests)}
    rows.sort(key=lambda row: places.get(titled(row), len(places)))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text("\n".join([machine(of), head, *rows, ""]), encoding="utf-8")


def titled(row: str) -> str:
    """The contest that a row of the table belongs to."""
    return row.split("|")[1].strip()


def rows_of(path: Path) -> list[str]:
    """Head and rows of the table that an earlier call left; an empty head where there is none."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found = [line for line in lines if line.startswith("|")]
    return ["\n".join(found[:2]), *found[2:]] if found else [""]


if __name__ == "__main__":
    main()
