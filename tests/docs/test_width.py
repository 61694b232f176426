"""Pages read well as they are: no line of text is longer than 120 characters; tables and code may be."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "weights" / "shipped").glob("*.md"),
]  # fmt: skip
MOST = 120


def long_lines(text: str) -> list[str]:
    found, fenced = [], False
    for line in text.splitlines():
        fenced ^= line.lstrip().startswith("```")
        if not fenced and len(line) > MOST and not line.startswith("|"):
            found.append(line)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_line_is_too_long(page):
    assert not long_lines(page.read_text(encoding="utf-8"))


def test_a_long_line_would_be_found():
    assert long_lines(f"short\n{'a ' * 61}\n") == ["a " * 61]
    assert not long_lines(f"| {'a ' * 99} |\n```\n{'b ' * 99}\n```\n")
