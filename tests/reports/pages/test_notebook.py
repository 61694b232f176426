import base64
import re

import pytest

from reports import Run, overview, tables_of


@pytest.mark.parametrize(
    ("options", "forest", "maps"),
    [
        ({}, 1, 3 * 2),
        ({"methods": ("gradcam",)}, 0, 3),
        ({"undefined": True}, 0, 3 * 2),
        ({"methods": tuple("abcdef"), "labels": {"a.jpg": "cat", "b.jpg": "cat+dog"}}, 0, 2 * 4),
    ],
)
def test_answer_forest_and_pictures_with_their_maps(make_run, options, forest, maps):
    run = Run(make_run(**options))
    text = overview(run, tables_of(run))
    assert text.count("data:image/png;base64,") == forest
    assert text.count('alt="Map: ') == maps
    assert text.count('alt="The picture ') == min(3, len(run.images))
    assert "<script" not in text
    assert len(text) < 400_000  # a notebook is kept with its cells
    assert text.index("<b>") < text.index("<details>")
    for found in re.findall(r"base64,([^\"]+)", text):
        assert base64.b64decode(found)


def test_a_run_without_maps_shows_none(make_run):
    folder = make_run()
    for path in (folder / "maps").iterdir():
        path.unlink()
    run = Run(folder)
    assert "The picture" not in overview(run, tables_of(run))
