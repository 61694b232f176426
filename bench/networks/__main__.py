"""python -m bench.networks --out DIR: measures network after network; what is measured stays, a failure is repeated.

Writes DIR/networks.md, DIR/machine.md, per network a run directory and a JSON file; and DIR/verdict.md, of one network
on all photographs.
"""

import argparse
import gc
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from bench.networks.entries import ENTRIES, Entry, weights_of
from bench.networks.measure import kept, measured
from bench.networks.page import machine, table
from bench.networks.verdict import verdict
from reports.files import write_atomic

WHOLE = "efficientnet_lite0"  # on all photographs


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, and writes the tables; 1 where a network fails."""
    parser = argparse.ArgumentParser(prog="python -m bench.networks", description=__doc__)
    parser.add_argument("--weights", type=Path, required=True, metavar="DIR", help="folder of trained weights")
    parser.add_argument("--data-root", type=Path, required=True, metavar="DIR", help="folder of oxford-iiit-pet")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    where = machine(torch.device("cpu"), os.cpu_count())
    write_atomic(options.out / "machine.md", where.encode())
    rows: dict[str, dict[str, Any]] = {}
    for entry in ENTRIES:
        path = options.out / f"{entry.name}.json"
        rows[entry.name] = kept(path) or _tried(entry, options.weights, options.data_root, options.out / entry.name)
        write_atomic(path, json.dumps(rows[entry.name], indent=1).encode())
        write_atomic(options.out / "networks.md", table([(each, rows.get(each.name, {})) for each in ENTRIES]).encode())
        print(f"{entry.title}: {rows[entry.name].get('failed', 'done')}", flush=True)
    whole = next(entry for entry in ENTRIES if entry.name == WHOLE)
    text = verdict(whole, options.weights, options.data_root, options.out / "pets")
    write_atomic(options.out / "verdict.md", text.encode())
    return int(any("failed" in found for found in rows.values()))


def _tried(entry: Entry, weights: Path, data: Path, out: Path) -> dict[str, Any]:
    """What is measured, or why it cannot be: a network that fails has its row."""
    try:
        with tempfile.TemporaryDirectory() as scratch:
            return measured(entry, weights_of(entry, weights, Path(scratch)), data, out)
    except Exception as error:  # the row says so, and the exit code
        return {"failed": f"{type(error).__name__}: {error}"}
    finally:
        gc.collect()


if __name__ == "__main__":
    raise SystemExit(main())
