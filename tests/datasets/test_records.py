import pytest

from datasets import Box, Dataset, DatasetError, Record, Skipped


def records(*labels: str) -> tuple[Record, ...]:
    return tuple(Record(f"{i}", "x", tuple(label.split("+"))) for i, label in enumerate(labels))


def dataset(*labels: str) -> Dataset:
    return Dataset("folder", "root", None, records(*labels))


@pytest.mark.parametrize(
    ("count", "chosen"),
    [(1, "0"), (2, "03"), (3, "013"), (4, "0134"), (5, "01234"), (9, "01234")],
)
def test_limited_takes_classes_in_turn_and_keeps_the_order(count, chosen):
    """Cats are 0, 1, 2, dogs 3, 4: two images are one of each, not two cats."""
    assert "".join(r.image_id for r in dataset("cat", "cat", "cat", "dog", "dog").limited(count).records) == chosen


def test_label_of_two_animals():
    assert [record.label for record in records("cat", "cat+dog")] == ["cat", "cat+dog"]
    assert Record("a", "a", ()).label == "neither"


@pytest.mark.parametrize("classes", [("horse",), ("dog", "cat"), ("cat", "cat")])
def test_record_of_other_classes_is_refused(classes):
    with pytest.raises(DatasetError, match="expected cat, dog, both or none"):
        Record("a", "a", classes)


def test_empty_and_doubled_lists_are_refused():
    with pytest.raises(DatasetError, match="no images in 'root'"):
        Dataset("folder", "root", None, ())
    with pytest.raises(DatasetError, match="'0' is listed twice"):
        Dataset("folder", "root", None, records("cat") * 2)


@pytest.mark.parametrize(
    ("box", "said"),
    [
        (("horse", "head", 0, 0, 1, 1), "box class is 'horse'"),
        (("cat", "tail", 0, 0, 1, 1), "box part is 'tail'"),
        (("cat", "head", 5, 0, 5, 1), "box is 5 0 5 1, expected xmin < xmax"),
        (("cat", "head", 0, 0, float("nan"), 1), "box is 0 0 nan 1, expected four finite numbers"),
    ],
)
def test_impossible_boxes_are_refused(box, said):
    with pytest.raises(DatasetError, match=said):
        Box(*box)


def test_fingerprint_follows_contents_labels_boxes_and_order_but_not_the_place(tmp_path):
    def made(place: str, content: bytes = b"1", label: str = "cat", boxes: tuple[Box, ...] = ()) -> Dataset:
        (tmp_path / place).mkdir(exist_ok=True)
        path = tmp_path / place / "a.jpg"
        path.write_bytes(content)
        return Dataset("files", tmp_path / place, None, (Record("a", path, (label,), boxes=boxes),))

    one = made("here").fingerprint()
    assert len(one) == 64
    assert made("there").fingerprint() == one
    changed = [
        made("here", content=b"2"),
        made("here", label="dog"),
        made("here", boxes=(Box("cat", "head", 0, 0, 1, 1),)),
    ]
    prints = {one, changed[1].fingerprint(), changed[2].fingerprint()}
    (tmp_path / "here" / "a.jpg").write_bytes(b"2")
    prints.add(changed[0].fingerprint())
    (tmp_path / "here" / "a.jpg").unlink()
    prints.add(changed[0].fingerprint())  # an image that vanished is no error here; the loader skips it
    assert len(prints) == 5


def test_limited_keeps_what_was_skipped():
    skipped = (Skipped("b", "no image"),)
    assert Dataset("folder", "root", None, records("cat", "dog"), skipped).limited(1).skipped == skipped
