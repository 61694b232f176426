import json

import pandas as pd
import pytest

from reports import render, summary_text
from reports.runs.run import Run
from reports.tables.comparison import comparison
from reports.tables.dispersion import wrong_class
from reports.tables.findings import findings, warnings
from reports.tables.summary import summary


def called(folder, right, wrong):
    """The run in the folder, with so many one-class images called right and wrong."""
    images = pd.read_parquet(folder / "images.parquet")
    other = {"cat": "dog", "dog": "cat", "cat+dog": "cat"}
    single = [i for i, label in enumerate(images["label"]) if label != "cat+dog"]
    assert len(single) == right + wrong
    images["predicted"] = [other[label] for label in images["label"]]
    for i in single[:right]:
        images.loc[i, "predicted"] = images.loc[i, "label"]
    images.to_parquet(folder / "images.parquet")
    return Run(folder)


def labels(single, both=0):
    return {f"{i}.jpg": "cat+dog" if i >= single else ("cat", "dog")[i % 2] for i in range(single + both)}


@pytest.mark.parametrize(
    ("right", "wrong", "both", "said"),
    [
        (3, 5, 0, "3 of 8 one-class images right (38%)"),
        (4, 4, 0, None),  # not below a half
        (5, 3, 4, None),  # two-animal images are neither
        (0, 4, 0, None),  # too few to tell
        (1, 6, 0, None),
        (0, 5, 0, "0 of 5 one-class images right (0%)"),
        (0, 8, 2, "0 of 8 one-class images right (0%)"),
    ],
)
def test_accuracy_below_a_half_is_warned_of(make_run, right, wrong, both, said):
    run = called(make_run(labels(right + wrong, both)), right, wrong)
    found = warnings(run)
    assert len(found) == (said is not None)
    if said is not None:
        assert said in found[0]
        assert "--classes dog,cat" in found[0]


def test_warnings_come_first_in_the_terminal_and_stand_at_the_top_of_the_page(make_run):
    folder = make_run(labels(10))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["checkpoint"]["warnings"] = ["class order <b> contradicts"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    called(folder, 2, 8)
    page = render(folder).read_text(encoding="utf-8")
    body = page[page.index("<body>") :]
    assert body.index('role="alert">WARNING: class order &lt;b&gt; contradicts.') < body.index("<h1>")
    assert body.count('role="alert"') == 2
    list_of_findings = body[body.index('<ul class="findings">') :]
    assert list_of_findings.index("WARNING: class order") < list_of_findings.index("2 of 10 one-class images right")
    assert list_of_findings.index("2 of 10") < list_of_findings.index("Relevance gain")
    lines = summary_text(folder).splitlines()
    first = next(i for i, line in enumerate(lines) if not line) + 1
    assert lines[first].startswith("WARNING: class order <b>")
    assert lines[first + 1].startswith("WARNING: the network calls 2 of 10")


def test_without_a_warning_there_is_no_box(make_run):
    assert 'role="alert"' not in render(make_run()).read_text(encoding="utf-8")


@pytest.mark.parametrize(("right", "said"), [(2, True), (3, False), (4, False)])
def test_of_three_classes_chance_is_a_third(make_run, right, said):
    """Nine images, all called ant, of which so many are one."""
    names = ("ant", "bee", "crab")
    folder = make_run({f"{i}.jpg": "ant" if i < right else names[1 + i % 2] for i in range(9)}, classes=names)
    found = warnings(Run(folder))
    assert len(found) == said
    if said:
        assert "calls 2 of 9 one-class images right (22%), fewer than chance, 1 in 3. If its outputs" in found[0]
        assert "order ant, bee, crab, every number here is another class's: score again with --classes" in found[0]


def told(run) -> str:
    return " ".join(findings(run, summary(run), comparison(run), wrong_class(run)))


def test_few_images_are_said_to_be_few(make_run):
    said = told(Run(make_run(labels(4))))
    assert "nan" not in said
    assert "n < 8: no interval" in said
    assert "so few images that differ could not have shown any" in said
    assert "so few images cannot judge scatter" in said


@pytest.mark.parametrize("undefined", [True, False])
def test_no_sentence_holds_a_nan(make_run, undefined):
    assert "nan" not in told(Run(make_run(labels(9, 3), undefined=undefined)))


def test_where_interval_and_test_seem_to_disagree_it_says_why(make_run):
    run = Run(make_run(labels(20)))
    tables = [summary(run), comparison(run), wrong_class(run)]
    row = tables[1]["metric"].eq("srg_probability") & tables[1]["role"].eq("right")
    tables[1].loc[row, ["verdict", "p_holm", "ci_low", "ci_high"]] = ["better", 0.03, -0.01, 0.2]
    assert "corrects them one after the other (Holm) and has p = 0.03" in findings(run, *tables)[0]
    tables[1].loc[row, ["verdict", "p_holm", "ci_low", "ci_high"]] = ["no difference shown", 0.06, 0.01, 0.2]
    assert "stricter with few or tied images, has p = 0.06" in findings(run, *tables)[0]
    tables[1].loc[row, "p_friedman"] = 0.4
    assert "Friedman's test sees no difference (p = 0.4)" in findings(run, *tables)[0]
