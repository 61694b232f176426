"""Nights of the real command on photographs: verdicts, what is kept, what a regression looks like in the morning."""

import json
import re
import shutil
from dataclasses import replace
from xml.etree import ElementTree

import pytest

import bench.nights.nightly
import bench.run.pipeline
from bench.cli import main
from cam import METHODS
from cam.methods import gradcam
from metrics import METRICS


def test_two_nights_a_comparison_and_a_history(quiet):
    first, second = quiet.folders()
    assert (quiet.root / "latest").resolve() == second.resolve()
    assert quiet.verdict(0)["compared_with"] is None
    assert [quiet.verdict(place)["state"] for place in (0, 1)] == ["first", "passed"]
    assert quiet.verdict(0)["note"] == "nothing to compare with: no good night before this one"
    assert (quiet.verdict()["passed"], quiet.verdict()["compared_with"]) == (True, first.name)
    assert quiet.verdict()["note"] == f"compared with night {first.name}"
    assert quiet.verdict()["headline"] == "passed: nothing else changed; nothing moved by more than its tolerance"
    for name in ("report.html", "summary.md", "junit.xml", "latency.json", "tables/latency.csv", "maps"):
        assert (second / name).exists(), name
    assert (second / "compare" / "compare_quality.csv").exists()
    page = (quiet.root / "history" / "history.html").read_text()
    assert re.findall(r'href="\.\./([^"]+)/report\.html"', page) == [second.name, *[second.name, first.name] * 2]
    log = (quiet.root / "logs" / f"{second.name}.log").read_text()
    assert "scored 6/6 images" in log
    assert "passed: nothing else changed; nothing moved by more than its tolerance; after" in log
    assert (second / "compare" / "compare.html").exists()


def test_junit_and_summary(quiet):
    suite = ElementTree.parse(quiet.folders()[-1] / "junit.xml").getroot()
    assert [case.get("name") for case in suite] == ["run", "quality", "speed"]
    assert suite.get("failures") == "0"
    summary = (quiet.folders()[-1] / "summary.md").read_text()
    assert summary.startswith("## cambench passed: nothing else changed; nothing moved by more than its tolerance\n")
    assert len(summary.splitlines()) < 8
    comment = (quiet.folders()[-1] / "compare" / "compare.md").read_text()
    assert "| SRG (probability) | right | Grad-CAM | 6 | 0.094 | 0.094 |" in comment


def test_a_wrong_sign_in_one_method_is_caught_and_named(nights, monkeypatch, capsys, tmp_path):
    right = METHODS["gradcam"]
    wrong = replace(right, function=lambda activations, gradients: -gradcam(activations, gradients))
    monkeypatch.setitem(METHODS, "gradcam", wrong)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step.md"))
    assert nights.night(1.25) == 1
    lines = capsys.readouterr().err.splitlines()
    said = "FAILED: nothing else changed; 1 worse, 0 better, "
    assert lines[0].startswith(f"cambench: {said}")
    assert "; worst: SRG (probability) of Grad-CAM 0.094 -> -0." in lines[0]
    assert lines[1].startswith("  worse: SRG (probability) of Grad-CAM 0.094 -> -0.")
    assert len(lines) <= 6
    assert all(line.startswith("quality of gradcam ") for line in nights.verdict()["culprits"])
    assert not nights.verdict()["passed"]
    assert nights.verdict()["headline"] == lines[0].removeprefix("cambench: ")
    night = nights.folders()[-1]
    suite = ElementTree.parse(night / "junit.xml").getroot()
    assert [len(case) for case in suite] == [0, 1, 0]
    assert suite.find("testcase/failure").get("message") == nights.verdict()["headline"]
    assert (tmp_path / "step.md").read_text().startswith(f"## cambench {said}")
    assert (tmp_path / "step.md").read_text() == (night / "summary.md").read_text()
    page = (nights.root / "history" / "history.html").read_text()
    assert page.count('<td class="state bad">failed</td>') == page.count('<li class="bad"') == 1
    assert "Grad-CAM" in (night / "compare" / "compare.html").read_text()
    assert main(["compare", *map(str, (nights.folders()[0], nights.folders()[-1])), "--fail-on-regression"]) == 1
    assert main(["compare", *map(str, (nights.folders()[0], nights.folders()[-1]))]) == 0  # said, not failed
    monkeypatch.setitem(METHODS, "gradcam", right)
    assert nights.night(1.25) == 0  # held against the last good night, not against the bad one
    assert nights.verdict()["compared_with"] == "2026-01-02T020000"


def test_slower_maps_fail_if_a_second_timing_agrees(nights, capsys):
    assert nights.night(1.25 * 1.5) == 0  # nobody knows yet how much nights differ
    shutil.rmtree(nights.folders()[-1])
    nights.older(6)
    assert nights.night(1.25 * 1.1, 1.25) == 0
    assert nights.night(1.25 * 1.1, 1.25 * 1.1) == 1
    said = "1 slower; worst: maps method=gradcam classes=2 batch=8: 1.375 bare forward passes, limit 1.3"
    assert said in capsys.readouterr().err.splitlines()[0]
    assert (nights.folders()[-1] / "first-latency.json").exists()


def test_a_changed_model_is_called_so(nights, capsys):
    run = nights.config.with_name("run.toml")
    run.write_text(re.sub("weights = .*", 'weights = "catdog-scenes"', nights.run))
    assert nights.night(1.25) == 1
    said = capsys.readouterr().err.splitlines()[0]
    assert said.startswith("cambench: FAILED: weights alexnet-narrow-catdog -> catdog-scenes; ")


def change_run(nights, old: str, new: str) -> None:
    run = nights.config.with_name("run.toml")
    text = run.read_text()
    assert old in text
    run.write_text(text.replace(old, new))


def test_a_night_that_cannot_be_compared_is_neither_passed_nor_failed(nights, capsys):
    change_run(nights, "limit = 6", "limit = 7")
    assert nights.night(1.25) == 3
    first, second, *more = capsys.readouterr().err.splitlines()
    assert first == "cambench: NOT COMPARABLE: against night 2026-01-02T020000, images: 6 before, 7 now"
    assert second.startswith("  images per label: 3 cat")
    assert len(more) <= 4
    assert f"cambench accept {nights.folders()[-1]} --why TEXT" in more[-2]
    verdict = nights.verdict()
    assert (verdict["state"], verdict["passed"], verdict["culprits"]) == ("not comparable", False, [])
    assert verdict["differs"][0] == "against night 2026-01-02T020000, images: 6 before, 7 now"
    assert verdict["differs"][-1].startswith("new: 'cat/")
    summary = (nights.folders()[-1] / "summary.md").read_text().splitlines()
    assert summary[0].startswith("## cambench NOT COMPARABLE: against night")
    suite = ElementTree.parse(nights.folders()[-1] / "junit.xml").getroot()
    assert (suite.get("errors"), suite.get("failures")) == ("1", "0")
    assert "images: 6 before, 7 now" in suite.find("testcase/error").get("message")
    page = (nights.root / "history" / "history.html").read_text()
    assert page.count("<li>Another job than that of the newest good night") == 1
    assert page.count('<li class="other"') == 1
    assert nights.night(1.25) == 3  # nor is the next one, until somebody says that it is meant
    change_run(nights, "limit = 7", "limit = 6")
    assert nights.night(1.25) == 0
    assert nights.verdict()["compared_with"] == "2026-01-02T020000"


def test_an_accepted_night_is_the_reference_of_those_after_it(nights, capsys):
    change_run(nights, "limit = 6", "limit = 7")
    assert nights.night(1.25) == 3
    assert main(["accept", str(nights.root / "latest"), "--why", "one <b>more</b> picture"]) == 0
    accepted = nights.folders()[-1]
    assert json.loads((accepted / "accepted.json").read_text())["why"] == "one <b>more</b> picture"
    assert nights.night(1.25) == 0
    assert nights.verdict()["compared_with"] == accepted.name
    assert "accepted: one &lt;b&gt;more&lt;/b&gt; picture" in (nights.root / "history" / "history.html").read_text()
    change_run(nights, "limit = 7", "limit = 6")
    assert nights.night(1.25) == 3  # nights before it are none to go back to


def test_a_creep_that_no_step_shows_is_held_against_the_reference(nights, monkeypatch, capsys):
    area = METRICS["effective_area"]
    for night, code in ((1, 0), (2, 1)):

        def larger(raw, night=night):
            return area.function(raw) + 0.0019 * night

        monkeypatch.setitem(METRICS, "effective_area", replace(area, function=larger))
        assert nights.night(1.25) == code
    lines = nights.verdict()["culprits"]
    assert "since the reference night" in capsys.readouterr().err.splitlines()[0]
    reference = nights.folders()[0].name
    assert lines
    assert all("effective_area" in line and f"since the reference night {reference}" in line for line in lines)
    assert "+0.0038" in lines[0]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("steps = 4", "steps = 6", "protocol srg, steps: 4 before, 6 now"),
        ('protocols = ["srg"]', 'protocols = ["rise", "srg"]', "protocol rise: not before, scored now"),
        ('"srg_probability", ', "", "metrics: srg_probability before, not now"),
        ("limit = 6", 'limit = 6\nmethods = ["gradcam"]', "methods: layercam before, not now"),
        ("limit = 6", 'limit = 6\nclasses = ["dog", "cat"]', "class order: cat, dog before, dog, cat now"),
        ("crop = 160", "crop = 128", "preprocessing, crop: 160 before, 128 now"),
        ("limit = 6", "limit = 6\nseed = 1", "seeds, run: 0 before, 1 now"),
    ],
)
def test_what_makes_another_job(nights, old, new, said):
    nights.config.write_text(nights.config.read_text().replace('"all"', '"none"'))
    change_run(nights, old, new)
    assert nights.night() == 3
    assert said in " ".join(nights.verdict()["differs"])


def test_what_is_new_is_named_and_the_rest_compared(nights):
    change_run(nights, '"effective_area"', '"effective_area", "empty"')
    assert nights.night(1.25) == 0
    assert nights.verdict()["note"].endswith("metrics: empty new, nothing to compare with")


def test_a_night_draws_its_report_whatever_its_options_say(nights, monkeypatch):
    drawn = []
    monkeypatch.setattr(bench.run.pipeline, "render", drawn.append)
    change_run(nights, "limit = 6", "limit = 6\nno-report = true")
    assert nights.night(1.25) == 0
    assert drawn == [nights.folders()[-1]]


def test_an_interrupted_night_is_gone_on_with(nights, monkeypatch):
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bench.nights.nightly, "_time", stop)
    assert nights.night() == 130
    begun = sorted((nights.root / "logs").glob("*.log"))[-1].stem
    assert begun not in [folder.name for folder in nights.folders()]
    monkeypatch.setattr(bench.nights.nightly, "_time", nights._time)
    assert nights.night(1.25) == 0
    assert nights.folders()[-1].name == begun
    assert "KeyboardInterrupt" in (nights.root / "logs" / f"{begun}.log").read_text()


def test_a_night_that_was_interrupted_under_other_options_is_given_up(nights, monkeypatch, capsys):
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(bench.nights.nightly, "_time", stop)
        assert nights.night() == 130
    change_run(nights, "limit = 6", "limit = 7")
    assert nights.night(1.25) == 3
    given_up, tonight = nights.folders()[-2:]
    assert f"night {given_up.name} was interrupted and is given up: out folder" in capsys.readouterr().err
    assert "holds a run made with other" in nights.verdict(-2)["error"]
    assert nights.verdict()["state"] == "not comparable"
    assert given_up.name < tonight.name


def test_a_night_that_fails_gets_a_verdict_and_the_next_is_a_new_one(nights, monkeypatch, capsys):
    run = nights.config.with_name("run.toml")
    run.write_text(re.sub("weights = .*", 'weights = "no-such-net"', nights.run))
    assert nights.night() == 2
    assert "no-such-net" in capsys.readouterr().err
    failed = nights.verdict()
    assert not failed["passed"]
    assert "no-such-net" in failed["error"]
    run.write_text(nights.run)
    assert nights.night(1.25) == 0
    assert len(nights.folders()) == 4


def test_old_nights_lose_what_is_bulky_but_not_their_numbers(nights):
    nights.config.write_text(nights.config.read_text() + "keep = 1\n")
    assert nights.night(1.25) == 0
    old, new = nights.folders()[0], nights.folders()[-1]
    assert not (old / "maps").exists()
    assert not (old / "curves.parquet").exists()
    assert all((old / name).exists() for name in ("scores.parquet", "report.html", "tables", "verdict.json"))
    assert (new / "maps").exists()
    assert main(["compare", str(old), str(new)]) == 0
    page = (new / "compare" / old.name / "compare.html").read_text()
    assert f"The maps or pictures of &#39;{old.name}&#39; are no longer kept" in page


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("timing", "timig"), "did you mean 'timing'?"),
        (('root = "', 'keep = 0\nroot = "'), "keep is 0, expected a whole number of at least 1"),
        (("run.toml", "nothing.toml"), "nothing.toml' cannot be read"),
    ],
)
def test_options_that_cannot_be_used_begin_no_night(nights, capsys, change, said):
    nights.config.write_text(nights.config.read_text().replace(*change))
    assert nights.night() == 2
    assert said in capsys.readouterr().err
    assert len(list((nights.root / "logs").iterdir())) == 2
