import json
import re
import subprocess
import sys

import pytest

import bench.listing
import bench.remembered
from bench.remembered import remembered


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """The kinds that the registries were asked for; the cache is the test's own."""
    kinds: list[str] = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(bench.listing, "listing", lambda kind, verbose=False: kinds.append(kind) or f"{kind} {verbose}")
    return kinds


def test_the_registries_are_asked_once(asked):
    assert [remembered("methods"), remembered("methods")] == ["methods False"] * 2
    assert remembered("methods", verbose=True) == "methods True"
    assert remembered("metrics") == "metrics False"
    assert remembered("methods", verbose=True) == "methods True"
    assert asked == ["methods", "methods", "metrics"]


def test_another_source_forgets_all(asked, monkeypatch):
    remembered("methods")
    monkeypatch.setattr(bench.remembered, "PACKAGES", ("no-such-package",))
    remembered("methods")
    assert len(asked) == 2


@pytest.mark.parametrize("content", ["", "{", "[]", '{"mark": 1}'])
def test_a_damaged_cache_is_none(asked, tmp_path, content):
    (tmp_path / "cambench").mkdir()
    (tmp_path / "cambench" / "list.json").write_text(content)
    assert remembered("methods") == "methods False"
    assert json.loads((tmp_path / "cambench" / "list.json").read_text())["methods"] == "methods False"


def test_where_nothing_can_be_kept_the_registries_are_asked(asked, tmp_path):
    (tmp_path / "cambench").touch()
    assert [remembered("methods"), remembered("methods")] == ["methods False"] * 2
    assert len(asked) == 2


QUICK = """
import json, sys
from bench.cli import main
for words in json.loads(sys.argv[1]):
    print("$", *words, file=sys.stderr, flush=True)
    try:
        code = main(words)
    except SystemExit as stopped:
        code = stopped.code
    heavy = {"torch", "pandas", "numpy", "matplotlib"} & sys.modules.keys()
    print(f"= {code} {' '.join(heavy)}".strip(), file=sys.stderr, flush=True)
    if heavy:
        break
"""
LINES = {
    0: [[], ["--version"], ["run", "--help"], ["list", "methods"]],
    2: [
        ["run", "--metods", "gradcam"],
        ["run", "--dataset", "folder"],
        ["run", "--config", "none.toml"],
        ["run", "--dataset", "folder", "--data-root", "none", "--weights", "catdog-photos", "--out", "x"],
        ["run", "--dataset", "synthetic", "--weights", "none.pth", "--out", "x"],
        ["report", "none"],
        ["compare", "none", "none"],
        ["history", "none"],
        ["accept", "none", "--why", "x"],
        ["nightly", "--config", "none.toml"],
        ["nightly", "--run", "none.toml"],
        ["nonsense"],
    ],
}  # fmt: skip


@pytest.mark.parametrize("code", LINES)
def test_what_needs_no_torch_does_not_load_it(code, asked):
    remembered("methods")
    words = [sys.executable, "-c", QUICK, json.dumps(LINES[code])]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stderr
    calls = [call.splitlines() for call in re.split(r"(?m)^\$", said)[1:]]
    assert [call[-1] for call in calls] == [f"= {code}"] * len(LINES[code]), said
    assert all(len(call) == (3 if code else 2) for call in calls), said
