"""How soon a reader sees the page of a thousand images, by the browser's own clock."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import safetensors
import safetensors.numpy
import torch

from bench.run.pipeline import run
from reports import render

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install playwright)")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
SCORED, TIMES = 8, 125
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def repeat(source: Path, out: Path) -> None:
    """The same images many times under other names."""
    (out / "maps").mkdir(parents=True)
    for path in source.glob("*.parquet"):
        frame = pd.read_parquet(path)
        copies = [frame.assign(image_id=f"{copy}-" + frame["image_id"]) for copy in range(TIMES)]
        pd.concat(copies).to_parquet(out / path.name)
    for path in (source / "maps").iterdir():
        with safetensors.safe_open(path, "numpy") as file:
            tensors, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
        ids = json.loads(metadata["image_ids"])
        for copy in range(TIMES):
            named = metadata | {"image_ids": json.dumps([f"{copy}-{name}" for name in ids])}
            safetensors.numpy.save_file(tensors, out / "maps" / f"{copy:03}-{path.name}", named)
    manifest = json.loads((source / "manifest.json").read_text())
    manifest["counts"] = {"images": SCORED * TIMES, "scored": SCORED * TIMES, "skipped": 0}
    (out / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture(scope="module")
def page(job, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    run(replace(job, limit=SCORED, steps=8, workers=0, no_report=True, out=folder / "run"))
    repeat(folder / "run", folder / "many")
    return render(folder / "many")


def test_first_paint(against, benchmark, classifier, photographs, page):
    if CHROMIUM is None:
        pytest.skip("no chromium found (Debian package chromium, or set CHROMIUM to its path)")
    paints: list[float] = []

    def forward() -> None:
        with torch.inference_mode():
            classifier.network(classifier.normalise(photographs[:8]))

    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])

        def look() -> None:
            tab = browser.new_page()
            tab.goto(page.as_uri(), wait_until="commit")
            paints.append(tab.wait_for_function(FIRST_PAINT).json_value())
            tab.close()

        against("page of 1,000 images, first paint", look, forward, SCORED * TIMES, rounds=5)
        browser.close()
    size = round(page.stat().st_size / 2**20, 1)
    benchmark.extra_info.update(first_paint_ms=paints[-5:], page_mb=size)
    print(f"first contentful paint, ms: {[round(paint) for paint in paints[-5:]]}; {size} MB")
