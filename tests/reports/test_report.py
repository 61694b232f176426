"""The whole report on runs of every shape."""

import html
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
from PIL import Image

from reports import ReportError, render, summary_text

HOSTILE = "<img src=x onerror=alert(1)>$_|.jpg"


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in [folder / "report.html", *(folder / "tables").iterdir(), *(folder / "figures").iterdir()]
    }


def edit_manifest(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_report_has_tables_figures_and_a_page_that_needs_no_other_file(make_run):
    folder = make_run(layers=("features.11", "features.12"))
    assert render(folder) == folder / "report.html"
    made = files_of(folder)
    assert {Path(name).suffix for name in made} == {".html", ".csv", ".md", ".tex", ".svg", ".png"}
    page = made["report.html"].decode()
    names = {Path(name).stem for name in made if name.endswith(".png")}
    # Two roles' curves, gap, three families, differences, ranks, reliability, correlation, three sheets per layer.
    assert len(names) == 16
    sheets = {name for name in names if name.startswith("overlays_")}  # the gallery shows them
    assert set(re.findall(r'<figure class="paper" id="([^"]+)">', page)) == names - sheets
    assert not re.findall(r'(?:src|href)="(?!data:|#|tables/|figures/)', page)
    linked = re.findall(r'href="((?:tables|figures)/[^"]+)"', page)
    assert {f"figures/{name}.png" for name in sheets} <= set(linked) <= set(made)
    assert not list(folder.rglob(".*"))


def rows_of(page: str, section: str) -> list[dict[str, str]]:
    """The table after a text of the page, a row per dict."""
    table = page[page.index(section) :].partition("</table>")[0]
    names = re.findall(r'<th scope="col">([^<]*)</th>', table)
    cells = [re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in table.split("<tr>")[2:]]
    return [dict(zip(names, map(html.unescape, row), strict=True)) for row in cells]


def test_ten_numbers_of_the_page_recomputed_from_the_scores(make_run):
    folder = make_run(layers=("features.11", "features.12"))
    page = render(folder).read_text(encoding="utf-8")
    scores = pd.read_parquet(folder / "scores.parquet")
    shown = [row for row in rows_of(page, "All metrics (") if row["metric"] in set(scores["metric"])]
    for place in np.random.default_rng(0).choice(len(shown), 10, replace=False):
        row = shown[place]
        chosen = (
            scores[["method", "layer", "role", "metric"]] == [row[k] for k in ("method", "layer", "role", "metric")]
        ).all(axis=1)
        assert row["mean"] == f"{scores[chosen]['value'].mean():.4f}"
        assert row["n"] == str(chosen.sum())


def test_the_verdicts_of_the_page_are_those_of_the_table(make_run):
    folder = make_run()
    page = render(folder).read_text(encoding="utf-8")
    table = pd.read_csv(folder / "tables" / "comparison.csv").query("family == 'headline'")
    shown = rows_of(page, 'id="verdict"')
    assert len(shown) == len(table) == 3
    words = {"better": "Gradcam is better", "worse": "Layercam is better", "higher": "Gradcam is higher"}
    words |= {"lower": "Layercam is higher", "no difference shown": "no difference shown"}
    for row, said in zip(table.to_dict("records"), shown, strict=True):
        assert said["verdict"] == words[row["verdict"]]
        assert f"{row['mean_difference']:.3f}" in said["difference [interval, 95 % for all together]"]


def test_rendering_twice_gives_the_same_bytes(make_run):
    folder = make_run()
    render(folder)
    first = files_of(folder)
    render(folder)
    assert files_of(folder) == first


def test_figures_are_not_blank(make_run):
    folder = make_run()
    render(folder)
    for path in (folder / "figures").glob("*.png"):
        assert np.asarray(Image.open(path).convert("L")).std() > 10, path.name


def test_names_are_text_on_the_page_and_in_figures(make_run):
    folder = make_run({HOSTILE: "cat", "b.jpg": "dog"})
    (folder / "skipped.csv").write_text(f'path,reason\r\n"{HOSTILE}","<script>alert(2)</script>"\r\n')
    render(folder)
    page = (folder / "report.html").read_text()
    assert "<img src=x" not in page
    assert "<script>alert" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    sheet = (folder / "figures" / "overlays_all_features.11.svg").read_text()
    assert "&lt;img src=x" in sheet
    assert "<img" not in sheet


def test_summary_text_shows_the_headline(make_run):
    folder = make_run()
    render(folder)
    text = summary_text(folder)
    assert text.splitlines()[0].split()[:4] == ["method", "layer", "role", "metric"]
    assert "srg_probability" in text
    summary = pd.read_csv(folder / "tables" / "summary.csv")
    row = summary[(summary["metric"] == "srg_probability") & (summary["method"] == "layercam")].iloc[0]
    assert f"{row['mean']:.3f} [{row['ci_low']:.3f}, {row['ci_high']:.3f}]" in text
    shown = html.unescape((folder / "report.html").read_text())
    said = text.split("\n\n")[1].splitlines()
    assert len(said) == 7  # relevance gain, substrates, scatter and use of two methods' wrong-class maps, localisation
    assert all(sentence in shown for sentence in said)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"labels": {"a.jpg": "cat"}}, "intervals (there are fewer than 8 images)"),
        ({"labels": {"a.jpg": "cat+dog", "b.jpg": "cat+dog"}}, "2 images of files"),
        ({"methods": ("gradcam",)}, "a comparison of methods (there is one)"),
        ({"curves": False}, "deletion and insertion curves (none were computed)"),
        ({"masks": False}, "pixel metrics over the data set (no masks)"),
        ({"undefined": True}, "undefined"),
        ({"undefined": True, "labels": {"a.jpg": "dog"}, "methods": ("gradcam",)}, "undefined"),
        ({"curves": False, "masks": False, "methods": ("gradcam",), "labels": {"a.jpg": "cat+dog"}}, "no masks"),
    ],
)
def test_runs_with_little_in_them_say_so_and_show_no_nan(make_run, options, said):
    folder = make_run(**options)
    render(folder)
    page = (folder / "report.html").read_text()
    assert said in page
    visible = re.sub(r"data:image/\w+;base64,[^\"]+", "", page)
    shown = re.finditer(r"\bnan\b", visible, flags=re.IGNORECASE)
    assert not [visible[found.start() - 60 : found.end() + 60] for found in shown]
    assert not re.search(r"\bnan\b", summary_text(folder), flags=re.IGNORECASE)
    for path in (folder / "figures").glob("*.svg"):
        assert not re.search(r">[^<]*\bnan\b[^<]*<", path.read_text(), flags=re.IGNORECASE), path.name


def test_no_run_directory(tmp_path):
    with pytest.raises(ReportError, match="is no run directory"):
        render(tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schema_version": 2}, "schema version 2, expected 1"),
        ({"status": "running"}, r"not complete \(running\); finish it with cambench run --resume"),
        ({"status": "failed"}, r"not complete \(failed\)"),
    ],
)
def test_runs_that_cannot_be_reported(make_run, changes, said):
    folder = make_run()
    edit_manifest(folder, **changes)
    with pytest.raises(ReportError, match=said):
        render(folder)


@pytest.mark.parametrize(
    "name", ["manifest.json", "scores.parquet", "curves.parquet", "images.parquet", "maps/shard-00000.safetensors"]
)
def test_damaged_files_are_named(make_run, name):
    folder = make_run()
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(ReportError, match=rf"{Path(name).name}' cannot be read"):
        render(folder)


@pytest.mark.parametrize("name", ["scores.parquet", "images.parquet"])
def test_missing_files_are_named(make_run, name):
    folder = make_run()
    (folder / name).unlink()
    with pytest.raises(ReportError, match=f"{name}' is missing"):
        render(folder)


def test_missing_maps_are_said(make_run):
    folder = make_run()
    (folder / "maps" / "shard-00000.safetensors").unlink()
    render(folder)
    assert "maps" in (folder / "report.html").read_text().split("Not in this report:")[1].split("</p>")[0]


def test_maps_of_some_images_alone_are_an_error(make_run):
    folder = make_run()
    path = folder / "maps" / "shard-00000.safetensors"
    with safetensors.safe_open(path, "numpy") as file:
        tensors = {name: file.get_tensor(name)[:3] for name in file.keys()}  # noqa: SIM118 (not a dict)
    metadata = {"image_ids": '["0.jpg", "1.jpg", "2.jpg"]', "classes": '["cat", "dog"]'}
    safetensors.numpy.save_file(tensors, path, metadata)
    with pytest.raises(ReportError, match="lacks maps of some images"):
        render(folder)
