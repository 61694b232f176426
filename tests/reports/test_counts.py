from reports.counts import data_notes, left_out_text


def test_what_was_left_out_by_kind_the_largest_first():
    counts = {"images": 10, "scored": 4, "skipped": 6}
    kinds = {"broken links": 1, "HEIC photographs": 4, "images that cannot be read": 1}
    said = left_out_text({"counts": counts, "left_out": kinds})
    assert said == "6 left out (HEIC photographs: 4, broken links: 1, images that cannot be read: 1)"
    assert left_out_text({"counts": counts}) == "6 left out"  # runs of earlier versions
    assert left_out_text({"counts": {**counts, "skipped": 0}, "left_out": {}}) == "nothing left out"


def test_the_first_notes_and_how_many_more_there_are():
    assert data_notes({"dataset": {}}) == []
    assert data_notes({"dataset": {"notes": list("abcde")}}) == list("abcde")
    assert data_notes({"dataset": {"notes": list("abcdefg")}})[4:] == [
        "e",
        "2 more notes in manifest.json, under dataset",
    ]
