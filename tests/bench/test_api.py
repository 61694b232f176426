"""The page of public names is made from the docstrings as they are now."""

from pathlib import Path

import bench
import cam
from bench.api import reference

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == reference(), "run: make api"


def test_every_public_name_is_there_with_its_docstring():
    page = reference()
    for module in (bench, cam):
        for name in module.__all__:
            assert f"### {module.__name__}.{name}\n" in page
    assert "evaluate(\n    model: Module,\n" in page
    assert "0x" not in page
