"""Does anything creep? Many images through the whole pipeline, and the report on them, watched from outside.

    python tests/soak/soak.py --images 25000 --out /tmp/soak

prints a table and exits with 1 where memory, handles or threads grow, or the last tenth takes longer than the first.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import stats

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))  # run as a script or loaded by path, the neighbours are found
sys.path.insert(0, str(ROOT))

from processes import Sample, Watch  # noqa: E402

SIDE, BATCH, MASKS = 48, 32, 16
BLOCKS = 40  # of which the slopes are taken
GROWTH_MB, GROWTH_COUNT = 50.0, 1.0  # over the whole run: 2 KB an image; less than one handle or thread
SLOWER, REPORT_MB = 0.03, 2048.0


@dataclass(frozen=True)
class Finding:
    """One line of the table; `kept` says whether the limit was."""

    name: str
    value: str
    limit: str
    kept: bool


def make_images(folder: Path, count: int) -> Path:
    """Small pictures, no two the same, and a manifest that gives each a mask."""
    random = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for number in range(MASKS):
        mask = np.zeros((SIDE, SIDE), dtype=np.uint8)
        top, left = random.integers(4, SIDE // 2, 2)
        mask[top : top + 20, left : left + 20] = 255
        Image.fromarray(mask).save(folder / f"mask-{number}.png")
    rows = ["path,label,mask"]
    for number in range(count):
        colours = Image.fromarray(random.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        colours.resize((SIDE, SIDE), Image.Resampling.BILINEAR).save(folder / f"{number:06d}.jpg", quality=90)
        rows.append(f"{number:06d}.jpg,{('cat', 'dog')[number % 2]},mask-{number % MASKS}.png")
    manifest = folder / "images.csv"
    manifest.write_text("\n".join(rows) + "\n")
    return manifest


def make_checkpoint(path: Path) -> None:
    """A network with random weights."""
    import torch
    from safetensors.torch import save_file
    from tiny import TINY

    torch.manual_seed(0)
    save_file(TINY.build(2).state_dict(), path)


def soak(folder: Path, count: int, every: float, options: Sequence[str] = ()) -> list[Sample]:
    """Scores `count` images and renders the report; the samples taken meanwhile."""
    manifest = make_images(folder / "images", count)
    weights, out = folder / "tiny.safetensors", folder / "run"
    make_checkpoint(weights)
    command = [
        sys.executable, "-m", "bench", "run", "--dataset", "csv", "--data-root", manifest, "--weights", weights,
        "--arch", "tiny:TINY", "--resize", SIDE, "--crop", SIDE, "--steps", 2, "--batch-size", BATCH,
        "--classes", "cat,dog", "--out", out, *options,
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(ROOT)])}
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(list(map(str, command)), stdout=output, stderr=output, env=environment)
        with Watch(process.pid, lambda: _scored(out, count), every) as watch:
            code = process.wait()
    if code:
        raise SystemExit(f"the run ended with exit code {code}:\n{(folder / 'output.txt').read_text()[-4000:]}")
    return watch.samples


def _scored(out: Path, count: int) -> int:
    """Images of the shards on disk; all of them once the run is complete and has none any more."""
    try:
        return min(count, BATCH * sum(name.isdigit() for name in os.listdir(out / "shards")))  # noqa: PTH208
    except OSError:
        return count if (out / "manifest.json").exists() else 0


def judge(samples: Sequence[Sample], count: int) -> list[Finding]:
    """Slopes, the first and the last tenth, and the peak of the report."""
    scoring = [sample for sample in samples if count * 0.1 <= sample.done < count]
    findings = [
        _growth("resident memory of the main process", "MB", [s.main for s in scoring], scoring, count, GROWTH_MB),
        _growth("memory of all processes", "MB", [s.tree for s in scoring], scoring, count, GROWTH_MB),
        _growth("open handles", "", [s.handles for s in scoring], scoring, count, GROWTH_COUNT),
        _growth("threads", "", [s.threads for s in scoring], scoring, count, GROWTH_COUNT),
    ]
    for name, values in (("CPU", [s.cpu for s in samples]), ("clock", [s.seconds for s in samples])):
        first, last = _tenths(samples, values, count)
        findings.append(
            Finding(
                f"{name} per image, first and last tenth",
                f"{1000 * first:.2f} ms, {1000 * last:.2f} ms ({last / first - 1:+.1%})",
                f"at most {SLOWER:+.0%}" if name == "CPU" else "shown: other programs move it",
                name != "CPU" or last <= (1 + SLOWER) * first,
            )
        )
    peak = max(sample.tree for sample in samples if sample.done >= count)
    return [
        *findings,
        Finding("report, largest memory", f"{peak:.0f} MB", f"below {REPORT_MB:.0f} MB", peak < REPORT_MB),
    ]


def _growth(
    name: str, unit: str, values: Sequence[float], samples: Sequence[Sample], count: int, limit: float
) -> Finding:
    """Growth over the whole run: the Theil-Sen slope of the medians of blocks of samples, with its 95 % interval."""
    blocks = [block for block in np.array_split(np.arange(len(values)), BLOCKS) if len(block)]
    x = [float(np.median([samples[place].done for place in block])) for block in blocks]
    y = [float(np.median([values[place] for place in block])) for block in blocks]
    slope, _, low, high = (count * float(number) for number in stats.theilslopes(y, x))
    level = f"{np.median(y):.0f} {unit}".strip()
    value = f"{level}, growing by {slope:+.2f} [{low:+.2f}, {high:+.2f}] over {count} images"
    return Finding(name, value, f"below {limit:.0f} {unit}".strip(), high < limit)


def _tenths(samples: Sequence[Sample], values: Sequence[float], count: int) -> tuple[float, float]:
    """What an image of the first and of the last tenth costs; the first starts where one in a hundred is done."""
    done = [sample.done for sample in samples]
    reached, first = np.unique(done, return_index=True)
    places = np.array([0.01, 0.11, 0.90, 0.998]) * count
    at = np.interp(places, reached, np.array(values)[first])
    return (at[1] - at[0]) / (places[1] - places[0]), (at[3] - at[2]) / (places[3] - places[2])


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0 where every limit was kept."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=25_000, metavar="N")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="new folder for images, run and samples (default: a temporary one)"
    )
    parser.add_argument("--every", type=float, default=1.0, metavar="S", help="seconds between two looks")
    options = parser.parse_args(arguments)
    if not Path("/proc/self/smaps_rollup").exists():
        parser.error("needs Linux: it reads /proc")
    if options.out and options.out.exists():
        parser.error(f"--out '{options.out}' exists; remove it, or give another one")
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.out or Path(scratch) / "soak"
        begun = time.monotonic()
        samples = soak(folder, options.images, options.every)
        (folder / "samples.json").write_text(json.dumps([vars(sample) for sample in samples]))
        findings = judge(samples, options.images)
    print(f"{options.images} images in {time.monotonic() - begun:.0f} s, {len(samples)} looks at up to", end=" ")
    print(f"{max(sample.processes for sample in samples)} processes")
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        print(f"{'kept  ' if finding.kept else 'BROKEN'}  {finding.name:<{width}}  {finding.value}  ({finding.limit})")
    return 0 if all(finding.kept for finding in findings) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
