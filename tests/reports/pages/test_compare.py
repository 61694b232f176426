import re

import pandas as pd

from reports import Run
from reports.pages.compare import IMAGES, Told, render_compare

EVIL = "<script>alert(1)</script>"


def told(**other) -> Told:
    words = {"headline": f"FAILED: {EVIL}", "details": ["worse: x"], "changed": ["weights A -> B"], "culprits": ["q"]}
    return Told(**words | {"table": pd.DataFrame({"metric": [EVIL], "n": [3]})} | other)


def test_the_images_that_moved_most_both_maps_side_by_side(write_run, tmp_path):
    labels = {f"{i:02}.jpg": ("cat", "dog")[i % 2] for i in range(20)}
    first, second = (Run(write_run(tmp_path / name, labels)) for name in "ab")
    page = render_compare(tmp_path / "out", first, second, told()).read_text()
    assert page.count('<section class="image"') == IMAGES
    assert page.count("<img ") == IMAGES * (1 + 2 * 2)
    assert len(re.findall(r'alt="Gradcam map of (cat|dog), after"', page)) == IMAGES
    assert EVIL not in page
    assert "All 1 gates that failed" in page
    assert "<h1>FAILED: &lt;script&gt;" in page
    assert '<header class="bad">' in page


def test_what_is_no_longer_kept_is_said(write_run, tmp_path):
    first, second = (Run(write_run(tmp_path / name)) for name in "ab")
    (second.folder / "images.parquet").unlink()
    page = render_compare(tmp_path / "out", first, second, told(culprits=[])).read_text()
    assert "The maps or pictures of &#39;b&#39; are no longer kept, so no images are shown." in page
    assert "<img" not in page
    assert '<header class="good">' in page
