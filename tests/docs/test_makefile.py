"""What the Makefile names exists, and git keeps it: a pattern in .gitignore once hid the file behind `make mutants`."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILE = re.compile(r"(?:tests|configs|docs|bench)/[\w./-]+\.(?:py|sh|toml|md|txt)")
NAMED = sorted(set(FILE.findall((ROOT / "Makefile").read_text())))


def test_the_makefile_names_files_at_all():
    assert "tests/mutation/drawn.py" in NAMED and len(NAMED) > 10


@pytest.mark.parametrize("name", NAMED)
def test_what_the_makefile_names_exists(name):
    assert (ROOT / name).is_file()


def test_git_ignores_no_source():
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: nothing can be ignored")
    found = [path for room in ("bench", "tests", "configs") for path in (ROOT / room).rglob("*.*")]
    names = [str(path.relative_to(ROOT)) for path in found if "__pycache__" not in path.parts]
    command = ["git", "check-ignore", "--stdin"]
    assert not subprocess.run(command, input="\n".join(names), cwd=ROOT, text=True, capture_output=True).stdout
