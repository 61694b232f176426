"""Data sets made at random, most of them damaged: each is a data set or one line that says why not.

All in this process, by seed. CAMBENCH_FUZZ multiplies how many; a case can be had again by its seed alone:
`pytest tests/datasets/test_corpus.py -k "csv and 17"` with as large a multiplier.
"""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from datasets import DATASETS, Dataset, DatasetError
from datasets.decode import UnreadableError
from datasets.gather import check_dataset
from datasets.geometry import paint_boxes

SCALE = max(1, int(float(os.environ.get("CAMBENCH_FUZZ", "1"))))
BATCHES, CASES = 5 * SCALE, 60  # per kind
ROWS = 200_000 if SCALE > 1 else 40_000

NAMES = [
    "cat.jpg", "dog.jpg", "cat.0.jpg", "dog.0.jpg", "both.png", "1.jpg", "Cat (1).JPG", "Dog - Copy.jfif", "a b.png",
    "kitten.heic", ".cat.jpg", "._cat.jpg", ".DS_Store", "Thumbs.db", "desktop.ini", "notes.txt", "boxes.csv", "cat",
    "train.zip", "dog ", "new\nline cat.jpg", "\x1b[31mdog.jpg", "cat\u202egpj.exe", "=cat.jpg", "<b>dog</b>.jpg",
    "$cat$.png", "üñí dog.jpg", "犬 dog.webp", os.fsdecode(b"cat \xff\xe9.jpg"), "cat" + "x" * 200 + ".jpg", "con.jpg",
    "cat.jpg.", "-cat.jpg",
]  # fmt: skip
FOLDERS = [
    "cat", "Cats", "DOG", "dogs", "dog", "cat ", "0", "1", "train", "val", "test1", "PetImages", "__MACOSX", ".git",
    "bird", "images", os.fsdecode(b"t\xfcr"), "sub folder", "cat/dog", "a/b/c/d/e/f/g",
]  # fmt: skip
PATHS = ["../../../etc/passwd", "/etc/passwd", "/dev/zero", "C:\\cat.jpg", "a\0b", "x" * 5000, "=1+1"]
CELLS = [
    "", " ", "cat", "Dog", "BOTH", "cat+dog", "horse", "0", "1", "cat.jpg", "dog.jpg", "1.jpg", "photos\\cat.jpg",
    *PATHS, "./cat.jpg", '"', "\n", "é", "1,5", "cat head 1 2 3 4", "cat head .1 .2 .3 .4;dog animal 0 0 1 1",
    "mask.png", "dog head 9 9 1 1", "cat animal nan 0 inf 1e30", "cat head -5 -5 99 99", "cat head 1 2 3", "no.png",
    ".", "~", "~nosuchuser/x.jpg", "{}", "\ufeff", "9" * 400,
]  # fmt: skip
COLUMNS = [
    "path", "label", "mask", "boxes", "Path", " LABEL ", "labels", "image", "class", "part", "xmin", "ymin",
    "xmax", "ymax",
]  # fmt: skip
ENCODINGS = ["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp037"]
XML_ENCODINGS = ["utf-8", "utf-7", "rot13", "zlib", "idna", "big5", "x-unknown", "utf-16", "ascii", "hex", "\xe9"]
NUMBERS = ["0", "1", "5", "200", "-3", "1e30", "nan", "inf", "0.5", "", "x", "1,5", "٣", "1_0", "9" * 400]

pytestmark = pytest.mark.filterwarnings("error")


class Maker:
    """What a corpus is made of, by one seed."""

    def __init__(self, folder: Path, seed: str) -> None:
        self.folder, self.random = folder, random.Random(seed)
        self.wild = self.random.choice([0.02, 0.02, 0.1, 0.4])  # how often something is not as it should be

    def odd(self) -> bool:
        return self.random.random() < self.wild

    def some(self, pool: list[str], most: int) -> list[str]:
        return self.random.choices(pool, k=self.random.randint(0, most))

    def file(self, path: Path) -> None:
        """A small file, a link, a loop, a pipe or an empty one; where a name cannot be had, none."""
        odd = ["same", "empty", "link", "loop", "pipe", "folder link"]
        kind = self.random.choice(odd) if self.odd() else "file"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(path):
                return  # to write into a pipe would wait
            if kind in ("file", "same", "empty"):
                path.write_bytes({"same": b"same", "empty": b""}.get(kind, self.random.randbytes(20)))
            elif kind == "pipe":
                os.mkfifo(path)
            else:
                path.symlink_to({"link": "nowhere", "loop": path.name, "folder link": ".."}[kind])
        except OSError:
            pass  # such a name is not to be had here, or is taken

    def text(self, path: Path, text: str) -> None:
        """Text in some encoding, some of it damaged."""
        encoding = self.random.choice(ENCODINGS if self.odd() else ENCODINGS[:4])
        content = bytearray(text.encode(encoding, "replace"))
        if content and self.odd():
            for _ in range(self.random.randint(1, 5)):
                content[self.random.randrange(len(content))] = self.random.randrange(256)
        if self.odd():
            del content[self.random.randrange(len(content) + 1) :]
        path.write_bytes(bytes(content))

    def table(self, path: Path, columns: list[str]) -> None:
        """A CSV file: mostly the right columns, and cells of all sorts."""
        if self.odd():
            columns = self.some(COLUMNS, 8)
        separator, ends = (
            self.random.choice(",,;\t|" if self.odd() else ",;\t"),
            self.random.choice(["\n", "\r\n", "\r"]),
        )
        rows = [columns, *(self.row(columns, number) for number in range(self.random.randint(0, 6)))]
        if self.odd():
            rows = rows[1:]
        quote = self.random.random() < 0.5

        def cell(value: str) -> str:
            return '"' + value.replace('"', '""') + '"' if quote and not value.isalnum() else value

        self.text(path, ends.join(separator.join(map(cell, row)) for row in rows) + self.random.choice(["", ends]))

    def row(self, columns: list[str], number: int) -> list[str]:
        good = {"path": f"{number}.jpg", "label": self.random.choice(["cat", "Dogs"]), "image": "cat.jpg",
                "class": "cat", "part": "head", "xmin": "1", "ymin": "2", "xmax": "30", "ymax": "40"}  # fmt: skip
        numbers = [name for name in columns if name[1:] in ("min", "max")]
        cells = [
            self.random.choice(NUMBERS if name in numbers else CELLS) if self.odd() else good.get(name, "")
            for name in columns
        ]
        return [*cells, *self.some(CELLS, 2)] if self.odd() else cells


def class_folders(make: Maker) -> Path:
    odd = [*make.some(FOLDERS, 4), "."] if make.random.random() < 0.5 else []
    for folder in [*odd, *make.random.choice([["cat", "dog"], ["Cats", "DOG"], ["train/cat", "train/dog"], []])]:
        for name in make.some(NAMES, 6):
            make.file(make.folder / folder / name)
    return make.folder


def pictures(make: Maker) -> Path:
    for name in [*make.some(NAMES, 10), "cat.jpg", "dog.jpg"]:
        make.file(make.folder / name)
    if not os.path.lexists(make.folder / "boxes.csv"):
        make.table(make.folder / "boxes.csv", ["image", "class", "part", "xmin", "ymin", "xmax", "ymax"])
    return make.folder / (make.random.choice(NAMES) if make.odd() else "")


def csv_list(make: Maker) -> Path:
    for name in (*(f"{number}.jpg" for number in range(6)), "cat.jpg", "dog.jpg", "mask.png", "photos/cat.jpg"):
        make.file(make.folder / name)
    make.table(make.folder / "list.csv", ["path", "label", "mask", "boxes"][: make.random.randint(2, 4)])
    return make.folder / ("" if make.odd() else "list.csv")


def oxford(make: Maker) -> Path:
    base = make.folder / "oxford-iiit-pet"
    (base / "annotations" / "xmls").mkdir(parents=True)
    lines = []
    for number in range(make.random.randint(0 if make.odd() else 1, 5)):
        name = make.random.choice(PATHS if make.odd() else [f"Abyssinian_{number}", f"beagle_{number}"])
        for path in (base / "images" / f"{name}.jpg", base / "annotations" / "trimaps" / f"{name}.png"):
            if "/" not in name and "\0" not in name and not make.odd():
                make.file(path)
        species = "2" if name.startswith("b") else "1"
        line = [name, "1", species, "1"] if not make.odd() else [name, *make.some(NUMBERS, 4)]
        lines.append(" ".join(line))
        if "/" not in name and "\0" not in name:
            corners = "".join(f"<{c}>{make.random.choice(NUMBERS)}</{c}>" for c in ("xmin", "ymin", "xmax", "ymax"))
            head = f'<?xml version="1.0" encoding="{make.random.choice(XML_ENCODINGS)}"?>'
            body = f"<a><bndbox>{corners}</bndbox></a>" * make.random.choice([1, 1, 1, 0])
            entity = '<!DOCTYPE a [<!ENTITY b "&b;">]>' if make.random.random() < 0.1 else ""
            make.text(base / "annotations" / "xmls" / f"{name[:100]}.xml", head + entity + body)
    extra = make.some(["", "# comment", "x", "Abyssinian_0 1 1 1", " ", "beagle_1 99 2 1", "beagle_1 1 3 1"], 1)
    make.text(base / "annotations" / "test.txt", "\n".join(lines + extra * make.odd()))
    (base / "images").mkdir(exist_ok=True)
    return make.folder / make.random.choice(["", "oxford-iiit-pet"])


KINDS: dict[str, tuple[str, Callable[[Maker], Path]]] = {
    "folder": ("folder", class_folders),
    "files": ("files", pictures),
    "csv": ("csv", csv_list),
    "oxford": ("oxford-iiit-pet", oxford),
}


def outcome(adapter: str, root: Path, split: str | None) -> Dataset | str:
    """The data set, or the line that says why there is none; anything else is raised."""
    try:
        return check_dataset(adapter, DATASETS[adapter](root, split, False))
    except DatasetError as error:
        return str(error)


@pytest.mark.parametrize("batch", range(BATCHES))
@pytest.mark.parametrize("kind", KINDS)
def test_each_is_a_data_set_or_one_line(tmp_path, kind, batch):
    adapter, build = KINDS[kind]
    found = 0
    for case in range(CASES):
        make = Maker(tmp_path / str(case), f"{kind} {batch} {case}")
        make.folder.mkdir()
        root = build(make)
        result = outcome(adapter, root, make.random.choice([None] * 9 + ["test"]))
        if isinstance(result, str):
            assert result.isprintable(), (case, result)
            assert 20 < len(result) <= 1000, (case, result)
        else:
            found += 1
            assert len(result.fingerprint()) == 64
            for record in result.records:
                record.image_id.encode()
                for boxes in [record.boxes] if record.boxes else []:
                    try:
                        assert paint_boxes(boxes, (30, 40)).sum() > 0
                    except UnreadableError as error:
                        assert str(error).isprintable()
            for skip in result.skipped:
                (skip.path + skip.reason + skip.kind).encode()
                assert skip.reason
        shutil.rmtree(make.folder)
    assert 0 < found < CASES  # neither all good nor all bad


def test_as_many_rows_as_nobody_writes_by_hand(tmp_path):
    (tmp_path / "cat.jpg").write_bytes(b"cat")
    (tmp_path / "dog.jpg").write_bytes(b"dogs")
    rows = "".join(f"gone/{n}.jpg,cat,cat head 1 2 {n % 50 + 3} 9\n" for n in range(ROWS))
    (tmp_path / "list.csv").write_text("path,label,boxes\n" + rows + "cat.jpg,cat,\ndog.jpg,dog,\n")
    dataset = DATASETS["csv"](tmp_path / "list.csv")
    assert (len(dataset.records), len(dataset.skipped)) == (2, ROWS)
    head = "image,class,part,xmin,ymin,xmax,ymax\n"
    (tmp_path / "boxes.csv").write_text(head + "".join(f"{n}.jpg,cat,head,1,2,{n % 50 + 3},9\n" for n in range(ROWS)))
    assert DATASETS["files"](tmp_path).notes[0].endswith(f" and {ROWS - 3} more")
