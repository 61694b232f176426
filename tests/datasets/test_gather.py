from pathlib import Path

import pytest

from datasets import Box, Dataset, DatasetError, Record, Skipped
from datasets.gather import check_dataset, gather
from datasets.records import content_hash


@pytest.fixture
def gathered(tree):
    root = tree("a.png", "b.png", "c.png", "d.png")

    def make(labels: str, given: str = "", skipped: tuple[Skipped, ...] = (), copies: str = "") -> Dataset:
        for source, target in zip(copies[::2], copies[1::2], strict=True):
            (root / f"{target}.png").write_bytes((root / f"{source}.png").read_bytes())
        shows = {"c": ("cat",), "d": ("dog",), "b": ("cat", "dog")}
        records = [
            Record(name, root / f"{name}.png", shows[label]) for name, label in zip("abcd", labels, strict=False)
        ]
        return gather(
            "x", root, None, records, skipped, (), given=[w for w in ("cat", "dog") if w[0] in given],
            class_of=lambda entry: ("dog",),
        )  # fmt: skip

    return make


def ids(dataset: Dataset) -> str:
    return "".join(record.image_id for record in dataset.records)


def test_the_second_of_two_equal_images_is_left_out(gathered):
    dataset = gathered("cdcd", copies="acbd")
    assert ids(dataset) == "ab"
    assert [Path(skip.path).name for skip in dataset.skipped] == ["c.png", "d.png"]
    assert {skip.kind for skip in dataset.skipped} == {"duplicates"}


@pytest.mark.parametrize(("labels", "pair"), [("cdcd", "(cat) and .*b.png' (dog)"), ("cbdd", "(cat) and .*(cat.dog)")])
def test_one_picture_under_two_labels_is_refused(gathered, labels, pair):
    with pytest.raises(DatasetError, match=pair.replace("(", r"\(").replace(")", r"\)")):
        gathered(labels, copies="ab")


def test_several_pairs_are_counted(gathered):
    with pytest.raises(DatasetError, match="under two labels, and 1 more pairs; remove the wrong one"):
        gathered("cdcd", copies="abcd")


def test_a_class_that_was_given_and_is_empty_stops_another_one_does_not(gathered):
    lost = (Skipped("x.heic", "HEIC photograph", "HEIC photographs"), Skipped("y", "z", "broken links"))
    with pytest.raises(
        DatasetError, match=r"shows a dog; 2 show a cat; left out: HEIC photographs: 1, broken links: 1"
    ):
        gathered("cc", given="cd", skipped=lost)
    assert ids(gathered("cc", given="c")) == "ab"
    assert not gathered("cb", given="cd").notes
    with pytest.raises(DatasetError, match=r"no images in .*left out: HEIC photographs: 1, broken links: 1, the first"):
        gathered("", skipped=lost)


def test_what_was_read_is_not_read_again_for_the_fingerprint(gathered, monkeypatch):
    dataset = gathered("ccdd", copies="ab")
    plain = Dataset("x", dataset.root, None, dataset.records)
    assert set(dataset.digests) == {
        record.path.with_name(f"{name}.png") for name in "ab" for record in plain.records[:1]
    }
    expected = plain.fingerprint()
    read = []
    monkeypatch.setattr("datasets.records.content_hash", lambda path: read.append(path) or content_hash(path))
    assert dataset.fingerprint() == expected
    assert [path.name for path in read] == ["c.png", "d.png"]


RECORD = Record("a", Path("a.png"), ("cat",))


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "data set 'mine:x' returned a NoneType, expected a datasets.Dataset"),
        ([RECORD], "returned a list, expected a datasets.Dataset"),
        (Dataset("x", Path(), None, (RECORD,), skipped=("b",)), "returned skipped that are no list of Skipped"),
        (Dataset("x", Path(), None, (RECORD,), notes=(1,)), "returned notes that are no list of str"),
        (Dataset("x", Path(), None, (Record("a", "a.png", ("cat",)),)), "the record 'a', expected an image_id of text"),
        (Dataset("x", Path(), None, (Record("a", Path("a"), ("cat",), "m"),)), "expected a mask_path of Path"),
    ],
)
def test_what_a_users_function_returns_is_checked(found, said):
    with pytest.raises(DatasetError, match=said):
        check_dataset("mine:x", found)


def test_a_good_data_set_passes_the_check():
    boxes = (Box("cat", "head", 1, 2, 3, 4),)
    dataset = Dataset("x", Path(), None, [Record("a", Path("a"), ("cat",), Path("m"), boxes=boxes)])
    assert check_dataset("mine:x", dataset) is dataset
