import pytest

from datasets import DATASETS, Box, DatasetError

manifest = DATASETS["manifest"]


@pytest.fixture
def listing(tree):
    """A CSV file beside three pictures and a mask."""
    root = tree("a.jpg", "deep/b.jpg", "c.jpg", "m.png")

    def write(text: str | bytes):
        path = root / "list.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_paths_labels_masks_and_boxes(listing):
    path = listing("path,label,mask,boxes\na.jpg,Cat,m.png,\ndeep/b.jpg,both,,cat head 1 2 3 4; dog animal 0 0 9.5 9\n")
    first, second = manifest(path).records
    assert (first.image_id, first.label, first.mask_path) == ("a.jpg", "cat", path.parent / "m.png")
    assert (second.label, second.path) == ("cat+dog", path.parent / "deep" / "b.jpg")
    assert second.boxes == (Box("cat", "head", 1, 2, 3, 4), Box("dog", "animal", 0, 0, 9.5, 9))


def test_columns_in_any_order_and_a_byte_order_mark(listing):
    assert manifest(listing("\ufefflabel,path\ndog,c.jpg\n")).records[0].label == "dog"


def test_missing_images_and_masks_are_skipped_with_the_path(listing):
    dataset = manifest(listing("path,label,mask\na.jpg,cat,\ngone.jpg,cat,\nc.jpg,cat,lost.png\n"))
    assert [record.image_id for record in dataset.records] == ["a.jpg"]
    reasons = [skip.reason.rsplit("/", 1)[-1] for skip in dataset.skipped]
    assert reasons == ["gone.jpg' not found", "lost.png' not found"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path\na.jpg\n", "column 'label' is missing"),
        ("path,labels\na.jpg,cat\n", r"unknown column 'labels' \(did you mean 'label'\?\)"),
        ("path,label\na.jpg,horse\n", "line 2: label is 'horse', expected cat, dog or both"),
        ("path,label\na.jpg\n", "line 2: label is ''"),
        ("path,label\n,cat\n", "line 2: path is empty"),
        ("path,label,boxes\na.jpg,cat,cat head 1 2 3\n", "line 2: box is 'cat head 1 2 3', expected class part"),
        ("path,label,boxes\na.jpg,cat,cat head 3 2 1 4\n", "line 2: box is 3 2 1 4, expected xmin < xmax"),
        ("path,label\na.jpg,cat\na.jpg,cat\n", "'a.jpg' is listed twice"),
        ("path,label\n", "no images in"),
        ("", "column 'path' is missing"),
        (b"path,label\n\xff.jpg,cat\n", r"no images in .*listed files that are not there: 1, .*\\xff.jpg' not found"),
    ],
)
def test_broken_lists(listing, text, said):
    with pytest.raises(DatasetError, match=said):
        manifest(listing(text))


def test_a_folder_is_no_manifest(tmp_path):
    with pytest.raises(DatasetError, match="is no file; expected a CSV file"):
        manifest(tmp_path)
