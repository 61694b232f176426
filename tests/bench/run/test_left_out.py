"""Whatever was left out is counted at the end of a run and on the page; an empty class ends it."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.cli import main

CHEAP = ("--weights", "catdog-photos-alexnet", "--protocols", "none", "--metrics", "effective_area", "--workers", "0")


@pytest.fixture
def photos(tmp_path) -> Path:
    """Two noisy pictures of each class, below a folder whose name is Latin-1."""
    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/f\xfcr"))
    random = np.random.default_rng(0)
    for name in ("cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png"):
        try:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
        except OSError:
            pytest.skip("this file system takes no undecodable names")
        Image.fromarray(random.integers(0, 255, (40, 40, 3), dtype=np.uint8)).save(root / name)
    return root


def test_terminal_page_and_manifest_count_what_was_left_out(photos, tmp_path, capsys, read_manifest):
    (photos / "dog" / "3.heic").touch()
    (photos / "dog" / "4.jpg").symlink_to(photos / "nowhere")
    (photos / "dog" / "5.jpg").write_bytes(b"no picture")
    (photos / "cat" / "notes.txt").touch()
    (photos / "cat" / "3.png").write_bytes((photos / "cat" / "1.png").read_bytes())
    (photos / ".cache").mkdir()
    out = tmp_path / "out"
    assert main(["run", "--dataset", "folder", "--data-root", str(photos), *CHEAP, "--out", str(out)]) == 0
    kinds = {
        "HEIC photographs": 1,
        "broken links": 1,
        "duplicates": 1,
        "files that are no images": 1,
        "hidden files and folders": 1,
        "images that cannot be read": 1,
    }
    manifest = read_manifest(out)
    assert manifest["left_out"] == kinds
    assert manifest["counts"] == {"images": 10, "scored": 4, "skipped": 6}
    said = f"6 left out ({', '.join(f'{kind}: {count}' for kind, count in kinds.items())})"
    assert f"4 images scored, {said}" in capsys.readouterr().out
    assert said in (out / "report.html").read_text(encoding="utf-8")
    with (out / "skipped.csv").open(newline="", encoding="utf-8") as file:
        reasons = {Path(row["path"]).name: row["reason"] for row in csv.DictReader(file)}
    assert len(reasons) == 6
    assert reasons["3.heic"] == "HEIC photograph; convert it to JPEG"
    assert main(["report", str(out)]) == 0
    assert f"4 images scored, {said}" in capsys.readouterr().out


def test_notes_of_the_data_set_are_said_in_terminal_and_page(photos, tmp_path, capsys):
    listing = photos / "list.csv"
    listing.write_text("path,label\ncat/1.png,cat\ncat/2.png,cat\n")
    out = tmp_path / "out"
    assert main(["run", "--dataset", "csv", "--data-root", str(listing), *CHEAP, "--out", str(out)]) == 0
    output = capsys.readouterr().out
    assert "2 images scored, nothing left out" in output
    assert "layer features.11: 256 x 13 x 13" in output
    assert "data set: no image shows a dog: nothing is said of the class" in output
    assert "Data set: no image shows a dog" in (out / "report.html").read_text(encoding="utf-8")


def test_a_class_of_which_no_image_can_be_read_ends_the_run(photos, tmp_path, capsys, read_manifest):
    for number in (1, 2):
        (photos / "dog" / f"{number}.png").write_bytes(b"broken %d" % number)
    out = tmp_path / "out"
    assert main(["run", "--dataset", "folder", "--data-root", str(photos), *CHEAP, "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert "none of the 2 images of a dog could be read; " in error.splitlines()[-1]
    assert read_manifest(out)["status"] == "failed"


def test_a_box_outside_its_picture_is_named_where_it_ends_the_run(photos, tmp_path, capsys):
    listing = photos / "list.csv"
    listing.write_text("path,label,boxes\ncat/1.png,cat,cat head 900 900 990 990\ndog/1.png,dog,\n")
    words = ["run", "--dataset", "manifest", "--data-root", str(listing), *CHEAP, "--out", str(tmp_path / "out")]
    assert main(words) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "none of the 1 images of a cat could be read; the first is '" in said
    assert "cat/1.png': '" in said
    assert "list.csv' line 2: head box 900 900 990 990 is outside the image of " in said


def test_a_users_function_that_gives_no_data_set_is_one_line(photos, tmp_path, capsys, monkeypatch):
    (tmp_path / "pictures_of_mine.py").write_text("def none(root, split, download):\n    return [root]\n")
    monkeypatch.chdir(tmp_path)
    words = ["run", "--dataset", "pictures_of_mine:none", "--data-root", str(photos), *CHEAP, "--out", "out"]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert "data set 'pictures_of_mine:none' returned a list, expected a datasets.Dataset" in error
    assert error.count("\n") == 1
