"""The page of the methods says of each what the registry says."""

from pathlib import Path

import pytest

from cam import METHODS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "family.md"


@pytest.mark.parametrize("name", list(METHODS))
def test_a_row_for_every_method(name):
    method = METHODS[name]
    formula = method.formula.replace("|", r"\|")
    row = f"| `{name}` | {formula} | {', '.join(method.inputs)} | {method.source} |"
    assert row in PAGE.read_text(encoding="utf-8")
