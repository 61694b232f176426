"""The rooms of the house: which package may import which, and that they are ours."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import datasets

ROOT = Path(__file__).resolve().parents[1]
MAY_IMPORT = {
    "datasets": set(),
    "weights": set(),
    "cam": set(),
    "metrics": {"cam"},
    "reports": {"cam", "metrics"},
    "bench": {"datasets", "weights", "cam", "metrics", "reports"},
}


def imported(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_imports_flow_in_one_direction(room):
    files = sorted((ROOT / room).rglob("*.py"))
    assert files
    for file in files:
        wrong = (imported(file) & set(MAY_IMPORT)) - MAY_IMPORT[room] - {room}
        assert not wrong, f"{file} imports {wrong}"


def test_metrics_never_see_a_module():
    for file in (ROOT / "metrics").glob("*.py"):
        assert "nn.Module" not in file.read_text(encoding="utf-8"), file


def test_datasets_is_ours():
    assert Path(datasets.__file__).parent == ROOT / "datasets"


def test_reports_import_without_torch_models():
    code = "import sys, reports; sys.exit(any(name in sys.modules for name in ('weights', 'datasets', 'bench')))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("room", [*sorted(MAY_IMPORT), "tests"])
def test_files_stay_readable(room):
    for file in (ROOT / room).rglob("*.py"):
        assert len(file.read_text(encoding="utf-8").splitlines()) <= 300, file
