"""The real command on tiny networks and data sets: cells, answers, resume, a cell that fails, a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import bench.run.pipeline
from bench.cli import main
from reports import Run

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def quick(monkeypatch):
    """Pages of single cells are no matter here, and take most of the time."""

    def page(folder):
        (folder / "report.html").write_text("")

    monkeypatch.setattr(bench.run.pipeline, "render", page)


def content(out) -> dict:
    return json.loads((out / "study.json").read_text())


def verdicts(said: str) -> list[str]:
    """What a study prints but for what it says while it works."""
    return [line for line in said.splitlines() if not line.startswith(("scoring ", "about ", "drawing "))]


def test_from_the_file_to_the_page(write_study, quick, tmp_path, capsys):
    assert main(["study", str(write_study())]) == 0
    said, out = capsys.readouterr(), tmp_path / "out"
    found = content(out)
    first = found["sentences"]["srg_probability"]
    assert verdicts(said.out)[0] == first
    assert first.startswith("Over 3 networks Grad-CAM and LayerCAM are not shown to differ in SRG (probability): ")
    assert str(out / "study.html") in said.out
    page = (out / "study.html").read_text()
    assert f"<h1>{first}</h1>" in page
    assert 'href="cells/n1--b/report.html"' in page
    assert "Content-Security-Policy" in page
    assert [cell["state"] for cell in found["cells"]] == ["complete"] * 6
    # the row of a network is the mean over the images of its runs, each data set the same
    runs = [Run(out / "cells" / f"n0--{name}").scores for name in "ab"]
    means = []
    for scores in runs:
        srg = scores[scores["metric"].eq("srg_probability") & scores["role"].eq("right")]
        wide = srg.pivot(index="image_id", columns="method", values="value")
        means.append((wide["gradcam"] - wide["layercam"]).mean())
    rows = pd.read_csv(out / "tables" / "study_networks.csv")
    row = rows[rows["question"].eq("srg_probability") & rows["network"].eq("n0") & rows["data"].eq("all")].iloc[0]
    assert row["mean"] == pytest.approx(sum(means) / 2)
    assert row["n"] == 20
    assert {path.stem for path in (out / "figures").glob("*.svg")} == {f"forest-{name}" for name in found["sentences"]}
    assert not list(out.rglob(".*"))


def test_a_study_in_its_folder_is_not_begun_again(write_study, quick, tmp_path, capsys):
    path = write_study(data="a")
    assert main(["study", str(path)]) == 0
    capsys.readouterr()
    assert main(["study", str(path)]) == 2
    assert "already holds a study; choose another --out, or --resume it" in capsys.readouterr().err
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.tex").touch()
    assert main(["study", str(path), "--out", str(tmp_path / "taken"), "--resume"]) == 2
    assert "is not empty and holds no study" in capsys.readouterr().err
    assert [file.name for file in (tmp_path / "taken").iterdir()] == ["thesis.tex"]


def test_a_network_more_leaves_finished_cells_as_they_are(write_study, quick, tmp_path, capsys):
    assert main(["study", str(write_study(data="a"))]) == 0
    old = tmp_path / "out" / "cells" / "n0--a" / "scores.parquet"
    before = old.stat().st_ino, old.stat().st_mtime_ns
    capsys.readouterr()
    assert main(["study", str(write_study(networks=(0, 1, 2, 3), data="a")), "--resume"]) == 0
    assert "Over 4 networks" in capsys.readouterr().out
    assert (old.stat().st_ino, old.stat().st_mtime_ns) == before
    assert len(content(tmp_path / "out")["cells"]) == 4


def test_a_cell_that_fails_does_not_lose_the_others(write_study, quick, tiny, tmp_path, capsys):
    path = write_study(networks=(0, 1, 2, 3), data="a", more={1: 'layers = ["9"]'})
    assert main(["study", str(path)]) == 2
    said = capsys.readouterr()
    line = said.err.splitlines()[-1]
    assert line.startswith("cambench: 1 of 4 cells failed: n1 on a: unknown layer '9'")
    assert line.endswith("mend that and go on with --resume")
    assert "Left out: n1 on a could not be scored: unknown layer '9'" in verdicts(said.out)[0]
    assert "Over 3 networks" in said.out
    found = content(tmp_path / "out")
    assert [cell["state"] for cell in found["cells"]] == ["complete", "failed", "complete", "complete"]
    assert found["cells"][1]["error"].startswith("unknown layer '9'")
    assert "Left out: n1 on a" in (tmp_path / "out" / "study.html").read_text()
    assert main(["study", str(write_study(networks=(0, 1, 2, 3), data="a")), "--resume"]) == 0
    assert "Over 4 networks" in capsys.readouterr().out


def test_cells_made_with_other_options_are_not_counted(write_study, quick, tmp_path, capsys):
    assert main(["study", str(write_study(data="a"))]) == 0
    path = write_study(data="a")
    path.write_text(path.read_text().replace("steps = 2", "steps = 4"))
    capsys.readouterr()
    assert main(["study", str(path), "--resume"]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("cambench: none of the 3 cells could be scored; the first, n0 on a: out folder")
    assert "holds a run made with other steps" in line


def test_two_networks_say_nothing_of_others(write_study, quick, tmp_path, capsys):
    assert main(["study", str(write_study(networks=(0, 1), data="a"))]) == 0
    said = capsys.readouterr().out
    assert verdicts(said)[0] == "2 independent networks: nothing here holds for another one."
    assert "SRG (probability): nothing can be said of other networks (2 networks, and 3 are the least" in said
    table = pd.read_csv(tmp_path / "out" / "tables" / "study.csv")
    assert table["mean"].isna().all()
    assert set(table["verdict"]) == {"undefined"}
    assert (tmp_path / "out" / "figures" / "forest-srg_probability.png").exists()


def test_stopped_between_two_cells_it_goes_on(write_study, tiny, forked, tmp_path, monkeypatch):
    monkeypatch.chdir(tiny.room)
    path, out = write_study(), tmp_path / "out"
    process = forked(["study", str(path)])
    process.wait_for_group()
    first = out / "cells" / "n0--a" / "report.html"
    while process.poll() is None and not first.exists():
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGTERM)
    _, said = process.communicate()
    assert process.returncode == 130, said
    assert said.splitlines()[-1].startswith("cambench: interrupted; finished work is kept, go on with --resume")
    assert not (out / "study.json").exists()
    kept = (out / "cells" / "n0--a" / "scores.parquet").stat().st_mtime_ns
    again = forked(["study", str(path), "--resume"])
    _, said = again.communicate()
    assert again.returncode == 0, said
    assert (out / "cells" / "n0--a" / "scores.parquet").stat().st_mtime_ns == kept
    assert [cell["state"] for cell in content(out)["cells"]] == ["complete"] * 6


def test_two_ranks_share_every_cell_and_a_cell_that_cannot_begin_ends_none_of_them(write_study, tiny, tmp_path):
    path = write_study(networks=(0, 1, 2, 3), data="a", more={1: 'layers = ["9"]'})
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    words = [sys.executable, *launcher, "-m", "bench", "study", str(path)]
    roots = os.pathsep.join((str(ROOT), str(tiny.room)))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": roots}
    done = subprocess.run(words, env=environment, cwd=tiny.room, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr  # torchrun's own, for any failure
    assert "cambench: 1 of 4 cells failed: n1 on a: unknown layer '9'" in done.stderr
    found = content(tmp_path / "out")
    assert [cell["state"] for cell in found["cells"]] == ["complete", "failed", "complete", "complete"]
    assert found["study"][0]["networks"] == 3
    manifest = json.loads((tmp_path / "out" / "cells" / "n3--a" / "manifest.json").read_text())
    assert manifest["ranks"] == 2
