"""Oxford-IIIT Pet: photographs with trimaps and head boxes (Parkhi et al., CVPR 2012)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from torchvision.datasets import OxfordIIITPet

from datasets.boxes import CORNERS, BoxText, make_boxes
from datasets.gather import gather
from datasets.listing import MISSING, trouble
from datasets.names import DEFAULT, Names
from datasets.records import (
    MOST_BOXES,
    Box,
    Dataset,
    DatasetError,
    Record,
    Skipped,
    existing_folder,
    refuse_archive,
)
from datasets.text import printable, shown

FOLDER = "oxford-iiit-pet"
SPLITS = ("trainval", "test")
SPECIES = Names(DEFAULT)  # 1 and 2 in the split files
BREEDS = 37
TRIMAP = ((1, 1), (2, 0), (3, 255))  # pet, background, border
HOW_TO_GET = "add --download where there is internet"
LARGEST = 1 << 20  # bytes of a file of boxes; a head takes one kilobyte


def oxford_iiit_pet(root: Path, split: str | None = None, download: bool = False) -> Dataset:
    """Oxford-IIIT Pet, split trainval or test (default); trimaps as masks, head boxes as faces.

    Args:
        root: the folder that holds `oxford-iiit-pet`, or that folder itself.
        split: trainval or test.
        download: fetch what is missing, with torchvision.

    Raises:
        DatasetError: missing, unknown split, a broken line in the split file, a failed download, the same picture
            under two labels, or a class of which no image is there.
    """
    split = split or "test"
    if split not in SPLITS:
        raise DatasetError(f"split is '{split}', expected {' or '.join(SPLITS)}")
    refuse_archive(root)
    if root.name == FOLDER and (root / "annotations").is_dir():
        root = root.parent
    if download:
        _download(root, split)
    base = existing_folder(root / FOLDER, f"the data set there; {HOW_TO_GET}")
    records, skipped, notes, lost, given = [], [], [], {}, set()
    for pet in _listed(base, split):
        image, trimap = base / "images" / f"{pet.name}.jpg", base / "annotations" / "trimaps" / f"{pet.name}.png"
        given.add(pet.species)
        missing = next((path for path in (image, trimap) if trouble(path)), None)
        if missing is not None:
            reason = f"listed in {split}.txt, but '{printable(missing.name)}' is missing"
            skipped.append(Skipped(printable(image), reason, MISSING))
            lost[skipped[-1]] = (pet.species,)
            continue
        boxes, problem = _head_boxes(base / "annotations" / "xmls" / f"{pet.name}.xml", pet.species)
        if problem:
            notes.append(f"{shown(pet.name)} is scored without its head box: {problem}")
        records.append(Record(printable(pet.name), image, (pet.species,), trimap, TRIMAP, boxes))
    return gather(FOLDER, root, split, records, skipped, notes, given=given, class_of=lambda entry: lost.get(entry, ()))


@dataclass(frozen=True)
class _Pet:
    """A line of a split file: the image's name, and cat or dog."""

    name: str
    species: str


def _download(root: Path, split: str) -> None:
    try:
        OxfordIIITPet(root, split=split, target_types="binary-category", download=True)
    except (RuntimeError, OSError, ValueError) as error:
        reason = str(error).split("\n")[0]
        raise DatasetError(f"'{printable(root / FOLDER)}' is no complete data set ({reason}); {HOW_TO_GET}") from error


def _listed(base: Path, split: str) -> Iterator[_Pet]:
    """The lines of a split file: name, number of the breed (1 to 37), species (1 cat, 2 dog), number in the species.

    Empty lines and those that begin with # are no lines of the list.
    """
    path = base / "annotations" / f"{split}.txt"
    problem = trouble(path) or ("" if (base / "images").is_dir() else "is there, but the folder images is not")
    if problem:
        raise DatasetError(f"'{printable(base)}' is no complete data set ('{split}.txt' {problem}); {HOW_TO_GET}")
    try:
        text = path.read_bytes().decode("utf-8-sig", "surrogateescape")
    except OSError as error:
        raise DatasetError(f"'{printable(path)}' cannot be read: {error.strerror}") from error
    names: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        pet = _pet(line, f"'{printable(path)}' line {number}")
        if names.setdefault(pet.name, number) != number:
            raise DatasetError(
                f"'{printable(path)}' line {number} lists '{shown(pet.name)}' again, first listed in line "
                f"{names[pet.name]}; list each image once"
            )
        yield pet


def _pet(line: str, where: str) -> _Pet:
    words = line.split()
    expected = f"expected a name, a breed from 1 to {BREEDS}, 1 for a cat or 2 for a dog, and a number"
    numbers = [int(word) if re.fullmatch(r"[0-9]{1,6}", word) else 0 for word in words[1:]]
    if len(words) != 4 or not 1 <= numbers[0] <= BREEDS or numbers[1] not in (1, 2) or numbers[2] < 1:
        raise DatasetError(f"{where} is '{shown(line.strip())}', {expected}")
    if any(mark in words[0] for mark in "/\\\0") or words[0] in (".", ".."):
        raise DatasetError(f"{where}: the name '{shown(words[0])}' is a path; expected the name of an image")
    return _Pet(words[0], SPECIES.classes[numbers[1] - 1])


def _head_boxes(path: Path, class_name: str) -> tuple[tuple[Box, ...], str]:
    """Head boxes from a Pascal VOC file, and what is wrong with it, if anything; none where there is no file."""
    problem = trouble(path)
    if problem:
        return (), "" if problem == "not found" else f"'{printable(path.name)}' {problem}"
    try:
        found = list(_parsed(path).iter("bndbox"))
        if len(found) > MOST_BOXES:
            return (), f"{len(found)} boxes, expected at most {MOST_BOXES}"
        where = f"'{printable(path.name)}'"
        corners = [[box.findtext(corner) or "" for corner in CORNERS] for box in found]
        boxes = (BoxText(where, class_name, "head", texts, (class_name,)) for texts in corners)
        return tuple(make_boxes(boxes, SPECIES)), ""
    except (ElementTree.ParseError, OSError, DatasetError) as error:
        return (), str(error)


def _parsed(path: Path) -> ElementTree.Element:
    """The root of an XML file, whatever encoding it says it has.

    Tags and numbers are ASCII. Read as Latin-1 (UTF-16 where it is that), every byte is a character, and no codec that
    the file names is looked up.

    Raises:
        DatasetError: too large, or it defines entities, which can grow without bound.
    """
    if path.stat().st_size > LARGEST:
        raise DatasetError(f"'{printable(path.name)}' has more than {LARGEST} bytes")
    content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    if b"<!ENTITY" in content.replace(b"\0", b""):
        raise DatasetError(f"'{printable(path.name)}' defines entities")
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "iso-8859-1"
    return ElementTree.fromstring(content, ElementTree.XMLParser(encoding=encoding))
