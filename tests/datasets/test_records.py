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


def test_the_label_of_several_classes_does_not_depend_on_their_order():
    assert Record("a", "a", ("horse", "cat", "bird")).label == Record("a", "a", ("cat", "bird", "horse")).label
    assert Record("a", "a", ("horse", "cat", "bird")).label == "bird+cat+horse"


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (("cat", "cat"), r"are \('cat', 'cat'\), expected each name once"),
        (("cat+dog",), "expected a tuple of names, each a name on one line, without \\+"),
        (("",), "expected a tuple of names"),
        ((" cat",), "expected a tuple of names"),
        (("two\nlines",), "expected a tuple of names"),
        ((3,), "expected a tuple of names"),
        ("cat", "are 'cat', expected a tuple of names"),
    ],
)
def test_classes_that_are_no_names_are_refused(classes, said):
    with pytest.raises(DatasetError, match=f"classes of 'a' .*{said}"):
        Record("a", "a", classes)


def test_empty_and_doubled_lists_are_refused():
    with pytest.raises(DatasetError, match="no images in 'root'"):
        Dataset("folder", "root", None, ())
    with pytest.raises(DatasetError, match="'0' is listed twice"):
        Dataset("folder", "root", None, records("cat") * 2)


@pytest.mark.parametrize(
    ("box", "said"),
    [
        (("", "head", 0, 0, 1, 1), "box class is '', expected a name"),
        (("cat", "tail", 0, 0, 1, 1), "box part is 'tail'"),
        (("cat", "head", 5, 0, 5, 1), "box is 5 0 5 1, expected xmin < xmax"),
        (("cat", "head", 0, 0, float("nan"), 1), "box is 0 0 nan 1, expected four finite numbers"),
        (("cat", "head", 0.2, 0.2, 0.8, 0.8), "box is 0.2 0.2 0.8 0.8, smaller than a pixel"),
        (("cat", "head", 0, 0, 1, 1.5, True), "box is 0 0 1 1.5, expected shares of the image from 0 to 1"),
        (("cat", "head", -4, -4, 0, 9), "outside any image"),
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
        made("here", boxes=(Box("cat", "head", 0, 0, 1, 1, relative=True),)),
    ]
    prints = {one, *(dataset.fingerprint() for dataset in changed[1:])}
    (tmp_path / "here" / "a.jpg").write_bytes(b"2")
    prints.add(changed[0].fingerprint())
    (tmp_path / "here" / "a.jpg").unlink()
    prints.add(changed[0].fingerprint())  # an image that vanished is no error here; the loader skips it
    assert len(prints) == 6


def test_fingerprints_of_earlier_versions_stay(tmp_path):
    """Nights are compared by fingerprint: what is unchanged keeps it."""
    (tmp_path / "a.jpg").write_bytes(b"1")
    boxes = (Box("cat", "head", 1.0, 2.0, 3.0, 4.0),)
    dataset = Dataset("files", tmp_path, None, (Record("a", tmp_path / "a.jpg", ("cat",), boxes=boxes),))
    assert dataset.fingerprint() == "3c3870296b217047c20234c4fa9ad64a6c88d777b13e90a0a6855e0fd59de6c5"


def test_an_image_has_at_most_a_thousand_boxes():
    box = Box("cat", "head", 1, 2, 3, 4)
    Record("a", "x", ("cat",), boxes=(box,) * 1000)
    with pytest.raises(DatasetError, match="'a' has 1001 boxes, expected at most 1000"):
        Record("a", "x", ("cat",), boxes=(box,) * 1001)


def test_limited_keeps_what_was_skipped():
    skipped = (Skipped("b", "no image"),)
    assert Dataset("folder", "root", None, records("cat", "dog"), skipped).limited(1).skipped == skipped
