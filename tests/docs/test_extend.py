"""Every example in docs/extend is run as it stands there."""

import re
import runpy
import shlex
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

from bench.cli import main
from reports.figures.style import style

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "extend"
CODE = re.compile(r"```python\n# (?P<name>\w+)\.py\n(?P<code>.*?)```", re.DOTALL)
COMMAND = re.compile(r"^cambench (.+)$", re.MULTILINE)
SCRIPT = re.compile(r"^python (\w+\.py)$", re.MULTILINE)
CHEAP = (
    "--limit", "2", "--steps", "2", "--resize", "112", "--crop", "112", "--workers", "0", "--controls", "none",
    "--no-report",
)  # fmt: skip


ON_A_RUN = ("dataset.md", "figure.md")  # what they show is no row of a method or metric


def commands():
    for path in sorted(set(FOLDER.glob("*.md")) - {FOLDER / name for name in ON_A_RUN}):
        for number, found in enumerate(COMMAND.findall(path.read_text(encoding="utf-8"))):
            yield pytest.param(path, found, id=f"{path.stem}-{number}")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def written(path: Path, folder: Path) -> dict[str, str]:
    """The modules of a page, written into the folder."""
    blocks = {match["name"]: match["code"] for match in CODE.finditer(path.read_text(encoding="utf-8"))}
    for name, code in blocks.items():
        (folder / f"{name}.py").write_text(code, encoding="utf-8")
    return blocks


@pytest.mark.parametrize(("path", "command"), list(commands()))
def test_an_example_runs_and_its_numbers_are_there(path, command, here):
    written(path, here)
    for script in SCRIPT.findall(path.read_text(encoding="utf-8")):
        runpy.run_path(str(here / script), run_name="__main__")
    words = shlex.split(command)
    if "--out" not in words:
        assert main(words) == 0
        return
    out = Path(words[words.index("--out") + 1])
    assert main([*words, *CHEAP]) == 0
    option, own = next(
        (option, word.split(",")[-1]) for option, word in pairwise(words) if ":" in word and "=" not in word
    )
    scores = pd.read_parquet(out / "scores.parquet")
    mine = scores[(scores["method"] == own) | (scores["metric"] == own) | (option == "--arch")]
    assert mine["value"].notna().any()


def test_the_data_set_of_the_example_is_read(here):
    written(FOLDER / "dataset.md", here)
    for name in ("cat", "dog"):
        (here / "animals" / name).mkdir(parents=True)
        Image.fromarray(np.full((64, 64, 3), 90 + len(name), np.uint8)).save(here / "animals" / name / f"a {name}.png")
    (command,) = COMMAND.findall((FOLDER / "dataset.md").read_text(encoding="utf-8"))
    assert main([*shlex.split(command), "--workers", "0", "--controls", "none", "--no-report"]) == 0
    scores = pd.read_parquet(here / "runs" / "own" / "scores.parquet")
    assert set(zip(scores["image_id"], scores["label"], strict=True)) == {("a cat", "cat"), ("a dog", "dog")}


def test_the_figure_of_the_example_is_drawn(here):
    written(FOLDER / "figure.md", here)
    words = "run --dataset synthetic --limit 2 --weights catdog-scenes --protocols none --workers 0 --out runs/own"
    assert main([*words.split(), "--no-report"]) == 0
    (code,) = re.findall(r'^python -c "(.+)"$', (FOLDER / "figure.md").read_text(encoding="utf-8"), re.MULTILINE)
    with style():
        exec(code, {})
    assert "<svg" in (here / "runs" / "own" / "areas.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.md")), ids=lambda path: path.stem)
def test_an_example_has_at_most_ten_lines_of_code(path, here):
    blocks = written(path, here)
    assert blocks
    for code in blocks.values():
        lines = [line for line in code.splitlines() if line.strip() and not line.startswith(("import", "from"))]
        assert len(lines) <= 10, code


def test_max_sensitivity_of_the_example_equals_a_naive_loop(here):
    """Maps of every noisy image computed one by one, with plain autograd."""
    written(FOLDER / "metric-with-passes.md", here)
    from mine import max_sensitivity

    from bench.engine.again import MapsAgain
    from bench.engine.job import Job
    from cam import METHODS, Network

    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    ).eval()
    images, target = torch.rand(3, 3, 8, 8), torch.tensor([0, 1, 1])

    def naive(image: torch.Tensor, k: int) -> torch.Tensor:
        activations = network[1](network[0](image[None])).detach().requires_grad_()
        (gradient,) = torch.autograd.grad(network[4](network[3](network[2](activations)))[0, k], activations)
        return (gradient.mean((2, 3), keepdim=True) * activations.detach()).sum(1)[0].relu()

    job = Job(
        Network(network),
        ("cat", "dog"),
        (8, 8),
        (0.5,) * 3,
        {"1": {}},
        {"gradcam": METHODS["gradcam"]},
        {},
        {},
        torch.device("cpu"),
        batch_size=2,
    )
    again = MapsAgain(job, METHODS["gradcam"], "1", ("a", "b", "c"), target)
    raw = torch.stack([naive(image, int(k)) for image, k in zip(images, target, strict=True)])
    torch.testing.assert_close(again(images), raw)
    generator, worst = torch.Generator().manual_seed(0), torch.zeros(3)
    for _ in range(3):
        noisy = (images + (torch.rand(images.shape, generator=generator) * 2 - 1) * 0.02).clamp(0, 1)
        for n in range(3):
            moved = (naive(noisy[n], int(target[n])) - raw[n]).norm() / raw[n].norm()
            worst[n] = max(worst[n], moved)
    torch.testing.assert_close(max_sensitivity(images, raw, again), worst, rtol=1e-5, atol=1e-6)
