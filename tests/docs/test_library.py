"""docs/library.md is run as it stands there: its Python, and its command line."""

import inspect
import re
import shlex
from pathlib import Path

import pandas as pd

from bench import evaluate
from bench.cli import main
from reports import Run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "library.md"
BLOCK = re.compile(r"```(python)?\n(.*?)```", re.DOTALL)


def test_the_page_runs_as_it_stands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    call, saving = blocks("python")
    found: dict = {}
    exec(call, found)
    assert "absgrad" in capsys.readouterr().out
    assert found["maps"].shape[:2] == (6, 3)
    assert {"gradcam", "layercam", "absgrad"} <= set(found["scores"]["method"])
    assert set(found["comparison"]["method_b"]) == {"layercam", "absgrad"}
    assert found["page"].exists()
    assert Run(tmp_path / "out").methods == ["gradcam", "layercam", "absgrad"]
    exec(saving, {})
    command = next(block for block in blocks("") if block.startswith("cambench"))
    words = shlex.split(command.removeprefix("cambench"))
    monkeypatch.setattr("bench.run.pipeline.render", lambda folder: folder)
    monkeypatch.setattr("bench.commands.run.print_result", lambda *_, **__: None)
    assert main([*words, "--steps", "2", "--workers", "0", "--controls", "none", "--protocols", "none"]) == 0
    scores = pd.read_parquet("runs/theirs/scores.parquet")
    assert scores.loc[scores["method"] == "theirs", "value"].notna().any()


def test_every_argument_is_on_the_page():
    text = PAGE.read_text(encoding="utf-8")
    missing = [name for name in inspect.signature(evaluate).parameters if f"`{name}`" not in text]
    assert missing == ["model"]


def blocks(kind: str) -> list[str]:
    """Code of the page in that language."""
    return [code for name, code in BLOCK.findall(PAGE.read_text(encoding="utf-8")) if name == kind]
