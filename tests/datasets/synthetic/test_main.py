import runpy
import sys
from pathlib import Path

import numpy as np
from PIL import Image


def test_the_contact_sheet_in_the_documentation_is_what_the_command_draws(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["datasets.synthetic", str(tmp_path / "sheet.png")])
    runpy.run_module("datasets.synthetic", run_name="__main__")
    drawn = np.asarray(Image.open(tmp_path / "sheet.png"))
    committed = np.asarray(Image.open(Path(__file__).resolve().parents[3] / "docs" / "scenes.png"))
    assert drawn.shape == (6 * 112, 8 * 112, 3)
    assert np.abs(drawn.astype(int) - committed).mean() < 0.5  # another Pillow may round differently
