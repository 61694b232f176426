"""python -m datasets.synthetic FILE.png: a contact sheet, a row per kind of scene and one with parts taken away."""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from datasets.synthetic import KINDS, render, sample_scene

COLUMNS = 8
TAKEN = ("ears", "eyes", "muzzle", "whiskers", "head", "tail", "body")


def contact_sheet() -> Image.Image:
    """The sheet; the last row shows one scene whole, then without each part."""
    rows = [[sample_scene(kind, index) for index in range(COLUMNS)] for kind in KINDS]
    scene = sample_scene("one", 0)
    rows.append([scene, *(scene.remove(part) for part in TAKEN)])
    return Image.fromarray(np.vstack([np.hstack([render(one).picture for one in row]) for row in rows]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, metavar="FILE.png")
    contact_sheet().reduce(2).save(parser.parse_args().file)
