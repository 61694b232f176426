"""Oxford-IIIT Pet: photographs with trimaps and head boxes (Parkhi et al., CVPR 2012)."""

from pathlib import Path
from xml.etree import ElementTree

from torchvision.datasets import OxfordIIITPet

from datasets.files import make_box
from datasets.records import Box, Dataset, DatasetError, Record, Skipped, existing_folder, printable

FOLDER = "oxford-iiit-pet"
SPLITS = ("trainval", "test")
TRIMAP = ((1, 1), (2, 0), (3, 255))  # pet, background, border
CORNERS = ("xmin", "ymin", "xmax", "ymax")
HOW_TO_GET = "add --download where there is internet"


def oxford_iiit_pet(root: Path, split: str | None = None, download: bool = False) -> Dataset:
    """Oxford-IIIT Pet, split trainval or test (default); trimaps as masks, head boxes as faces.

    Args:
        root: the folder that holds `oxford-iiit-pet`, or that folder itself.
        split: trainval or test.
        download: fetch what is missing, with torchvision.

    Raises:
        DatasetError: missing, unknown split, or a failed download.
    """
    split = split or "test"
    if split not in SPLITS:
        raise DatasetError(f"split is '{split}', expected {' or '.join(SPLITS)}")
    if root.name == FOLDER and (root / "annotations").is_dir():
        root = root.parent
    if not download:
        existing_folder(root / FOLDER, f"the data set there; {HOW_TO_GET}")
    listed, classes = _listed(root, split, download)
    records, skipped, notes = [], [], []
    for image, trimap, name in zip(listed._images, listed._segs, classes, strict=True):  # no public list of paths
        if not image.is_file() or not trimap.is_file():
            lost = trimap if image.is_file() else image
            skipped.append(Skipped(printable(image), f"listed in {split}.txt, but '{lost.name}' is missing"))
            continue
        boxes, problem = _head_boxes(root / FOLDER / "annotations" / "xmls" / f"{image.stem}.xml", name)
        if problem:
            notes.append(f"{image.stem} is scored without its head box: {problem}")
        records.append(Record(image.stem, image, (name,), trimap, TRIMAP, boxes))
    return Dataset(FOLDER, root, split, tuple(records), tuple(skipped), tuple(notes))


def _listed(root: Path, split: str, download: bool) -> tuple[OxfordIIITPet, list[str]]:
    """The data set of torchvision, which reads the split file, and the class of every image."""
    try:
        pets = OxfordIIITPet(root, split=split, target_types="binary-category", download=download)
    except (RuntimeError, OSError, ValueError) as error:
        reason = str(error).split("\n")[0]
        raise DatasetError(f"'{printable(root / FOLDER)}' is no complete data set ({reason}); {HOW_TO_GET}") from error
    return pets, [pets.bin_classes[label].lower() for label in pets._bin_labels]


def _head_boxes(path: Path, class_name: str) -> tuple[tuple[Box, ...], str]:
    """Head boxes from a Pascal VOC file, and what is wrong with it, if anything; none where there is no file."""
    if not path.is_file():
        return (), ""
    try:
        found = ElementTree.parse(path).getroot().iter("bndbox")
        texts = [[box.findtext(corner, "") for corner in CORNERS] for box in found]
        return tuple(make_box(class_name, "head", corners, f"'{path.name}'") for corners in texts), ""
    except (ElementTree.ParseError, OSError, DatasetError) as error:
        return (), str(error)
