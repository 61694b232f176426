import json

import numpy as np
import pandas as pd
import pytest

from reports import ReportError, Run
from reports.pages.history import render_history
from reports.tables.summary import summary as summary_of


@pytest.fixture(scope="module")
def one(write_run, tmp_path_factory):
    """A run and its summary."""
    folder = write_run(tmp_path_factory.mktemp("night") / "one")
    return folder, summary_of(Run(folder))


@pytest.fixture
def root(one, tmp_path):
    """Thirty nights made of one: quality steps down on the 16th, speed drifts by noise alone."""
    folder, summary = one
    manifest = json.loads((folder / "manifest.json").read_text())
    random = np.random.default_rng(0)
    for night in range(30):
        path = tmp_path / "nights" / f"2026-01-{night + 1:02d}"
        (path / "tables").mkdir(parents=True)
        worse = summary["method"].eq("gradcam") & summary["metric"].eq("srg_probability") & (night >= 15)
        summary.assign(mean=summary["mean"] - 0.02 * worse).to_csv(path / "tables" / "summary.csv", index=False)
        latency = {"stage": ["maps"], "method": ["gradcam"], "metric": [""], "classes": [2], "batch": [8]}
        ratio = 1.25 + 0.02 * random.standard_normal()
        pd.DataFrame({**latency, "ratio": [ratio]}).to_csv(path / "tables" / "latency.csv", index=False)
        (path / "manifest.json").write_text(json.dumps(manifest | {"started": f"2026-01-{night + 1:02d}"}))
        note = "<b>bold</b>" if night == 3 else ""
        verdict = {"passed": night != 15, "culprits": ["quality of gradcam"] * (night == 15), "note": note}
        (path / "verdict.json").write_text(json.dumps(verdict))
    return tmp_path / "nights"


def test_a_step_is_marked_and_noise_is_not(root):
    page = render_history(root)
    changes = pd.read_csv(root / "history" / "changes.csv")
    assert set(changes["series"]) == {
        "gradcam features.11 right srg_probability",
        "gradcam features.11 wrong srg_probability",
    }
    assert set(changes["night"]) == {"2026-01-16"}
    assert (changes["after"] - changes["before"]).to_numpy() == pytest.approx(-0.02)
    text = page.read_text()
    assert "2026-01-16" in text
    assert text.count('<td class="state bad">failed</td>') == text.count('<li class="bad"') == 1
    assert "FAILED: quality of gradcam" in text
    assert "&lt;b&gt;bold&lt;/b&gt;" in text
    assert "<b>bold" not in text


def test_every_metric_and_ratio_of_every_night_is_in_the_table(root):
    render_history(root)
    table = pd.read_csv(root / "history" / "history.csv")
    assert (
        table.groupby("night").size().eq(2 * 2 * (5 + 2) + 1).all()
    )  # methods, roles, metrics and two over pixels; one ratio
    assert table["night"].nunique() == 30
    assert set(table["kind"]) == {"quality", "speed"}
    first = pd.read_csv(root / "2026-01-01" / "tables" / "summary.csv").iloc[0]
    name = " ".join(first[["method", "layer", "role", "metric"]])
    assert table.set_index(["night", "series"]).loc[("2026-01-01", name), "value"] == first["mean"]


def test_nights_of_another_job_and_folders_that_are_no_night_are_left_out(root):
    path = root / "2026-01-02" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["image_size"] = [64, 64]
    path.write_text(json.dumps(manifest))
    running = root / "2026-01-03" / "manifest.json"
    running.write_text(json.dumps(json.loads(running.read_text()) | {"status": "running"}))
    page = render_history(root).read_text()
    assert pd.read_csv(root / "history" / "history.csv")["night"].nunique() == 28
    assert page.count("Another job than that of the newest") == 1


def keep(root, count: int) -> None:
    for path in sorted(root.iterdir())[count:]:
        (path / "manifest.json").unlink(missing_ok=True)


def test_few_nights_say_so(root):
    keep(root, 9)
    page = render_history(root).read_text()
    assert "9 nights are too few to tell a lasting change from noise; 10 are needed" in page
    assert page.count("<li class=") == 9
    keep(root, 1)
    assert "1 night is too few" in render_history(root).read_text()


def test_the_page_begins_with_last_nights_verdict_and_never_says_none_under_a_failure(root):
    keep(root, 16)  # the last of them failed
    said = {
        "passed": False,
        "state": "failed",
        "headline": "FAILED: weights A -> B; 3 worse",
        "details": ["worse: <i>"],
    }
    (root / "2026-01-16" / "verdict.json").write_text(json.dumps(said))
    page = render_history(root).read_text()
    top = page[page.index("<main>") : page.index('id="tiles"')]
    assert 'class="bad"' in top
    assert "2026-01-16: FAILED: weights A -&gt; B; 3 worse" in top
    assert "<li>worse: &lt;i&gt;</li>" in top
    assert "None" not in page
    tiles = page[page.index('id="tiles"') : page.index('id="changes"')]
    assert tiles.count("<b>failed</b>") == 1
    assert tiles.count("<b>passed</b>") == 15


def test_a_night_that_could_not_be_finished_is_the_last_one_all_the_same(root):
    keep(root, 12)
    broken = root / "2026-02-01"
    broken.mkdir()
    verdict = {"passed": False, "state": "failed", "headline": "FAILED: it could not be finished: no", "error": "no"}
    (broken / "verdict.json").write_text(json.dumps(verdict))
    page = render_history(root).read_text()
    top = page[page.index("<main>") : page.index('id="tiles"')]
    assert "2026-02-01: FAILED: it could not be finished: no" in top
    assert 'href="../2026-02-01' not in page  # it has no page of its own
    assert page.count("<li class=") == 13


def test_nothing_to_show(tmp_path):
    with pytest.raises(ReportError, match="is no folder"):
        render_history(tmp_path / "none")
    with pytest.raises(ReportError, match="holds no complete run"):
        render_history(tmp_path)
