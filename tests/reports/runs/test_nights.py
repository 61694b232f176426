"""Folders of nights that were edited, damaged, linked or named by people."""

import json
import os
import shutil

import pandas as pd
import pytest

from reports import Run
from reports.csvfiles import read_csv
from reports.files import write_table
from reports.pages.history import render_history
from reports.runs.nights import nights
from reports.tables.summary import summary

NAMES = ["2026-01-01T020000", "2026-01-02T020000", "2026-01-03T020000"]


@pytest.fixture(scope="module")
def one(write_run, tmp_path_factory):
    """A night with its tables."""
    folder = write_run(tmp_path_factory.mktemp("night") / "one")
    write_table(folder / "tables", "summary", summary(Run(folder)))
    latency = {"stage": ["maps"], "method": ["gradcam"], "metric": [""], "classes": [2], "batch": [8], "ratio": [1.25]}
    pd.DataFrame(latency).to_csv(folder / "tables" / "latency.csv", index=False)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"started": "2026-01-01T02:00:00+00:00"}))
    (folder / "verdict.json").write_text(json.dumps({"passed": True, "culprits": [], "note": ""}))
    return folder


@pytest.fixture
def root(one, tmp_path):
    """Three nights alike."""
    for name in NAMES:
        folder = tmp_path / "nights" / name
        (folder / "tables").mkdir(parents=True)
        for part in ("manifest.json", "verdict.json", "tables/summary.csv", "tables/latency.csv"):
            shutil.copy(one / part, folder / part)
    return tmp_path / "nights"


def edit(path, **change) -> None:
    content = json.loads(path.read_text()) | change
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not ...}))


def found(root) -> tuple[list[str], list[str]]:
    """Names of the nights, and what was said of the others."""
    said: list[str] = []
    return [night.name for night in nights(root, said.append)], said


WHOLE = ("manifest.json", "verdict.json", "tables/summary.csv", "tables/latency.csv")
CONTENTS = {
    "binary": b"\x00\xff\xfe\x80" * 50,
    "not an object": b"[1, 2]",
    "cut": None,
    "another text": b"a,b\n1,2\n",
    "nested": b"[" * 100_000,
}


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("part", WHOLE)
def test_a_damaged_night_is_named_and_the_others_stay(root, part, content):
    path = root / NAMES[1] / part
    path.write_bytes(CONTENTS[content] or path.read_bytes()[: len(path.read_bytes()) // 2 - 3].rstrip(b"\n"))
    names, said = found(root)
    assert names == [NAMES[0], NAMES[2]]
    assert len(said) == 1
    assert said[0].startswith(f"night {NAMES[1]} is left out: ")
    assert "\n" not in said[0]


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("manifest.json", {"seeds": None}),
        ("manifest.json", {"seeds": {"run": None}}),
        ("manifest.json", {"methods": None}),
        ("manifest.json", {"methods": {}}),
        ("manifest.json", {"methods": {"gradcam": {}}}),
        ("manifest.json", {"layers": {}}),
        ("manifest.json", {"checkpoint": None}),
        ("manifest.json", {"checkpoint": {"classes": []}}),
        ("manifest.json", {"protocols": ...}),
        ("manifest.json", {"dataset": None}),
        ("manifest.json", {"image_size": ...}),
        ("manifest.json", {"status": "running"}),
        ("manifest.json", {"status": "failed"}),
        ("manifest.json", {"schema_version": 99}),
        ("verdict.json", {"passed": ...}),
        ("verdict.json", {"passed": "yes"}),
        ("verdict.json", {"error": "ConfigError: no such net"}),
    ],
)
def test_an_edited_night_is_named_and_the_others_stay(root, part, change):
    edit(root / NAMES[1] / part, **change)
    names, said = found(root)
    assert names == [NAMES[0], NAMES[2]]
    assert len(said) == 1
    assert said[0].startswith(f"night {NAMES[1]} is left out: ")


@pytest.mark.parametrize("part", WHOLE)
def test_files_that_are_missing(root, part):
    (root / NAMES[1] / part).unlink()
    names, said = found(root)
    needed = part in ("manifest.json", "tables/summary.csv")  # without verdict or timings it is a night all the same
    assert names == ([NAMES[0], NAMES[2]] if needed else NAMES)
    assert len(said) == needed


def test_a_night_without_beginning_has_its_name_and_another_run_has_not(root):
    (root / NAMES[1]).rename(root / "mine")
    assert found(root) == ([NAMES[0], "mine", NAMES[2]], [])
    edit(root / "mine" / "manifest.json", started=...)
    edit(root / NAMES[2] / "manifest.json", started=...)
    names, said = found(root)
    assert NAMES[0] in names
    assert all(line.startswith(("night mine is left out: ", f"night {NAMES[2]} is left out: ")) for line in said)
    assert "mine" not in names


def test_nights_come_in_the_order_of_their_names_although_the_clock_went_back(root):
    edit(root / NAMES[2] / "manifest.json", started="2025-06-01T00:00:00+00:00")
    assert found(root) == (NAMES, [])


def test_folders_that_are_no_nights_are_not_spoken_of_and_links_are(root, one):
    for name in ("history", "logs", "notes of mine"):
        (root / name).mkdir()
    (root / "notes.txt").write_text("mine")
    (root / "latest").symlink_to(NAMES[2])
    (root / "2026-01-04T020000").symlink_to(one)
    (root / "nowhere").symlink_to("gone")
    assert found(root) == (
        NAMES,
        ["night 2026-01-04T020000 is left out: it is a link; put the folder itself there"],
    )


def test_a_method_whose_name_is_a_formula_is_in_the_history(root):
    path = root / NAMES[1]
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["methods"] = {"=cmd": manifest["methods"]["gradcam"]}
    (path / "manifest.json").write_text(json.dumps(manifest))
    table = read_csv(path / "tables" / "summary.csv").replace({"method": {"gradcam": "=cmd"}})
    write_table(path / "tables", "summary", table)
    assert "'=cmd" in (path / "tables" / "summary.csv").read_text()
    night = next(night for night in nights(root) if night.name == NAMES[1])
    assert len(night.means) == table["method"].eq("=cmd").sum() > 0
    assert all(name.startswith("=cmd ") for name in night.means)


def test_a_night_in_progress(root):
    (root / "2026-01-04T020000").mkdir()
    names, said = found(root)
    assert names == NAMES
    assert len(said) == 1
    assert "no manifest.json" in said[0]


EVIL = "<script>alert(1)</script> $\\frac{1}{0}$ `*_|\u202e=1\x1b[31m\n"


def test_names_and_notes_are_text_in_the_history(root):
    os.rename(root / NAMES[1], os.fsencode(root) + b"/=caf\xe9 <b>$x_$ \xe2\x80\xae")  # noqa: PTH104 (bytes)
    edit(root / NAMES[2] / "verdict.json", passed=False, culprits=[EVIL], note=EVIL)
    (root / NAMES[0] / "verdict.json").write_text("no JSON")
    manifest = json.loads((root / NAMES[2] / "manifest.json").read_text())
    manifest["checkpoint"]["name"] = EVIL
    (root / NAMES[2] / "manifest.json").write_text(json.dumps(manifest))
    said: list[str] = []
    page = render_history(root, said.append).read_text(encoding="utf-8")
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert '<h2 id="left-out">Left out</h2>' in page
    assert len(said) == 1
    assert said[0] in page.replace("&#39;", "'").replace("&#34;", '"')
