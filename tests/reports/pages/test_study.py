"""The page of a study: text stays text, and nothing is loaded."""

import json
import re

import pytest

from reports.csvfiles import read_csv
from reports.pages.study import render_study
from reports.runs.study import Study, StudyNetwork, StudyRun
from reports.tables.study import STUDY

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def study(write_run, tmp_path):
    networks = [StudyNetwork(f"n{i}", "", {"recipe": HOSTILE}) for i in range(3)]
    runs = [StudyRun(f"n{i}", "d", write_run(tmp_path / "cells" / f"n{i}--d"), None) for i in range(3)]
    runs.append(StudyRun("n0", "e", tmp_path / "cells" / "n0--e", f"no {HOSTILE}"))
    return Study(tmp_path, HOSTILE, ("gradcam", "layercam"), tuple(networks), tuple(runs))


def test_names_stay_text_and_the_policy_lets_nothing_in(study):
    (study.out / "cells" / "n2--d" / "report.html").touch()  # a cell without a report has no link
    sentences = render_study(study)
    page = (study.out / "study.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1].replace("&#39;", "'")
    assert "default-src 'none'" in policy
    assert "script-src 'none'" in policy
    assert sentences[0].startswith("Left out: n0 on e could not be scored")
    assert page.index("Left out: n0 on e") < page.index("<h1>")
    assert 'href="cells/n2--d/report.html"' in page
    assert not any(f"{cell}/report.html" in page for cell in ("n0--e", "n1--d"))


def test_the_json_holds_what_the_tables_hold(study):
    render_study(study)
    found = json.loads((study.out / "study.json").read_text())
    table = read_csv(study.out / "tables" / "study.csv", STUDY)
    assert [row["question"] for row in found["study"]] == list(table["question"]) == list(found["sentences"])
    for row, other in zip(found["study"], table.to_dict("records"), strict=True):
        assert row["mean"] == (None if other["mean"] != other["mean"] else pytest.approx(other["mean"]))
    assert found["cells"][3]["state"] == "failed"


def test_rendered_again_it_is_the_same_and_old_figures_go(study):
    render_study(study)
    names = {path.name: path.read_bytes() for path in study.out.rglob("*") if path.is_file()}
    stale = study.out / "figures" / "forest-gone.svg"
    stale.write_text("old")
    render_study(study)
    assert {path.name: path.read_bytes() for path in study.out.rglob("*") if path.is_file()} == names
