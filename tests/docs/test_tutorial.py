"""docs/tutorial.ipynb runs from top to bottom as it stands, and what it keeps was made by it."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

BOOK = Path(__file__).resolve().parents[2] / "docs" / "tutorial.ipynb"


def test_the_tutorial_runs(tmp_path, monkeypatch):
    book = nbformat.read(BOOK, as_version=4)
    monkeypatch.setenv("PYTHONPATH", str(BOOK.parents[1]))
    ran = NotebookClient(book, timeout=600, resources={"metadata": {"path": tmp_path}}).execute()
    shown = [output for cell in ran.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in shown if output.output_type == "error" or output.get("name") == "stderr"]
    tables = [output["data"]["text/plain"] for output in shown if "text/plain" in output.get("data", {})]
    assert any("p_holm" in text for text in tables)
    assert any("absgrad" in text and "control_random" in text for text in tables)
    assert sum("image/png" in output.get("data", {}) for output in shown) >= 2
