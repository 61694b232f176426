"""`cambench run --no-report` scores and draws nothing; the report comes later and is the same."""

import json
from pathlib import Path

import pytest

from bench.cli import main

DRAWN = ("tables", "figures", "report.html")


@pytest.fixture(scope="module")
def words(kinds, tmp_path_factory) -> list[str]:
    """Of a run of three classes on twelve small pictures, up to --out."""
    folder = tmp_path_factory.mktemp("no_report")
    data, net = kinds.listing(folder, 3), kinds.weights(folder / "net.pth", 3)
    some = ("--protocols", "none", "--controls", "none", "--metrics", "effective_area,energy_in_mask")
    return ["run", "--dataset", "csv", "--data-root", str(data), "--weights", str(net), *kinds.options, *some, "--out"]


@pytest.fixture(scope="module")
def drawn(words, tmp_path_factory) -> Path:
    """A run with its report."""
    out = tmp_path_factory.mktemp("drawn") / "run"
    assert main([*words, str(out)]) == 0
    return out


def timings(out: Path) -> dict[str, float]:
    return json.loads((out / "manifest.json").read_text())["timings"]


def pictures_and_tables(out: Path) -> dict[str, bytes]:
    """By name; without the figure of the stages, which shows times."""
    return {
        f"{path.parent.name}/{path.name}": path.read_bytes()
        for name in DRAWN[:2]
        for path in (out / name).iterdir()
        if path.stem != "stages"
    }


def test_the_run_is_complete_and_says_how_its_report_is_drawn(words, drawn, tmp_path, capsys):
    out = tmp_path / "a run"
    capsys.readouterr()
    assert main([*words, str(out), "--no-report"]) == 0
    beginning, *said = capsys.readouterr().out.splitlines()
    assert beginning.startswith("scoring 12 images of ")
    assert said == [
        "12 images scored, nothing left out",
        f"no report was drawn; cambench report '{out}' draws tables, figures and page",
    ]
    assert not any((out / name).exists() for name in DRAWN)
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["status"], manifest["config"]["no_report"]) == ("complete", True)
    assert timings(drawn).keys() - timings(out).keys() == {"report"}
    assert timings(out)["total"] > 0
    assert (out / "scores.parquet").read_bytes() == (drawn / "scores.parquet").read_bytes()


@pytest.mark.parametrize("how", ["report", "resume"])
def test_the_report_that_is_drawn_later_is_the_same(words, drawn, tmp_path, how):
    out = tmp_path / "run"
    assert main([*words, str(out), "--no-report"]) == 0
    assert main(["report", str(out)] if how == "report" else [*words, str(out), "--resume"]) == 0
    assert pictures_and_tables(out) == pictures_and_tables(drawn)
    assert (out / "report.html").exists()


def test_a_run_with_a_report_is_resumed_without(words, drawn, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.run.pipeline.render", lambda _: pytest.fail("drew a report"))
    options = tmp_path / "options.toml"
    options.write_text("no-report = true\n")
    before = pictures_and_tables(drawn)
    assert main([*words, str(drawn), "--resume", "--config", str(options)]) == 0
    assert pictures_and_tables(drawn) == before
