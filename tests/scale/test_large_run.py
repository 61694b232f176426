"""What keeps a report of many images small: names kept once, pictures and histograms not at all, a page that ends."""

import importlib.util
import json
from pathlib import Path

import pandas as pd
import pytest

from reports import figure_of, tables_of
from reports.figures.differences import difference_figures
from reports.figures.style import style
from reports.pages import gallery
from reports.runs.run import Run

spec = importlib.util.spec_from_file_location("large_run", Path(__file__).with_name("large_run.py"))
large_run = importlib.util.module_from_spec(spec)
spec.loader.exec_module(large_run)
SMALL = large_run.Large(images=40, side=32, grid=4, points=5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return large_run.write_large_run(tmp_path_factory.mktemp("large") / "run", SMALL)


def entries(run: Run) -> list[dict]:
    return json.loads(gallery.gallery(run, run.methods).text)["images"]


def test_a_row_of_scores_takes_a_few_bytes_beside_its_value(folder):
    scores = Run(folder).all_scores
    assert len(scores) == len(pd.read_parquet(folder / "scores.parquet"))
    codes = sum(scores[name].cat.codes.nbytes for name in scores.columns if name != "value")
    assert codes <= 12 * len(scores)


def test_neither_pictures_nor_histograms_are_kept(folder):
    run = Run(folder)
    assert "jpeg" not in run.images
    assert len(run.localisation) == 4 * SMALL.images
    assert "localisation" not in run.__dict__
    some = list(run.images.index[[3, 17]])
    assert {name: picture.shape for name, picture in run.pictures(some).items()} == dict.fromkeys(some, (32, 32, 3))


def test_the_gallery_holds_all_images_where_they_fit(folder):
    assert [image["id"] for image in entries(Run(folder))] == list(Run(folder).images.index)


def test_the_gallery_of_many_images_is_a_sample_with_those_of_the_sheets(folder, monkeypatch):
    run = Run(folder)
    size = len(json.dumps(entries(run)[0]))
    monkeypatch.setattr(gallery, "FIRST", 20)
    monkeypatch.setattr(gallery, "BUDGET", 30 * size)
    found = json.loads(gallery.gallery(run, run.methods).text)
    names = [image["id"] for image in found["images"]]
    assert found["total"] == SMALL.images
    assert 20 <= len(names) < SMALL.images
    assert names == sorted(set(names))
    sheets = {name for layer in run.layers for _, _, ids in gallery.selections(run, layer) for name in ids}
    assert sheets <= set(names)
    assert names == [image["id"] for image in entries(Run(folder))]  # the same every time


def test_of_many_methods_a_few_pairs_are_drawn_and_the_others_when_asked_for(tmp_path):
    large = large_run.Large(images=9, side=32, grid=4, points=5, methods=5)
    run = Run(large_run.write_large_run(tmp_path / "run", large))
    tables = tables_of(run)
    with style():
        drawn = dict(difference_figures(run, tables["comparison"]))
    assert list(drawn) == [f"differences_gradcam_{name}" for name in ("layercam", "method03", "method04")]
    said = drawn["differences_gradcam_layercam"].get_suptitle().replace("\n", " ")
    assert "the other 7 pairs are in the table comparison" in said
    assert "Method05" in figure_of(run, tables, "differences_method04_method05").get_suptitle()


def test_the_order_of_rows_in_the_files_changes_nothing(folder, tmp_path):
    expected = {name: table.to_csv() for name, table in tables_of(Run(folder)).items()}
    for name in ("scores", "localisation", "curves", "images"):
        frame = pd.read_parquet(folder / f"{name}.parquet")
        frame.sample(frac=1, random_state=0).to_parquet(folder / f"{name}.parquet")
    assert {name: table.to_csv() for name, table in tables_of(Run(folder)).items()} == expected
