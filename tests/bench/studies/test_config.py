"""STUDY.toml: what cannot work is one line, before any work."""

from pathlib import Path

import pytest

from bench.cli import main
from bench.studies.config import load_study

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def refused(write_study, capsys, tmp_path):
    """The one line about a study in which a text is replaced by another."""

    def call(old: str, new: str, **options) -> str:
        path = write_study(**options)
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        assert main(["study", str(path)]) == 2
        said = capsys.readouterr()
        assert said.err.count("\n") == 1, said.err
        assert said.out == ""
        assert not (tmp_path / "out").exists()
        return said.err

    return call


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("steps = 2", "stepps = 2", "unknown key in '{path}': 'stepps' (did you mean 'steps'?)"),
        ('title = "Tiny"', 'titel = "Tiny"', "unknown key in '{path}', [study]: 'titel' (did you mean 'title'?)"),
        ('name = "n1"', 'name = "n1"\nwieghts = 1', "[[network]] n1: 'wieghts' (did you mean 'weights'?)"),
        ('name = "b"', 'name = "b"\nlimitt = 1', "[[data]] b: 'limitt' (did you mean 'limit'?)"),
        ('name = "n1"', 'name = "n0"', "'{path}' has two [[network]] named 'n0'"),
        ('name = "b"', 'name = "A"', "'{path}' has two [[data]] named 'A'"),
        ('name = "n1"', 'name = "../n1"', "name is '../n1', expected letters, digits"),
        ('name = "n1"', 'name = "n--1"', "name is 'n--1', expected letters, digits"),
        ('name = "n1"', "", "name is 'None', expected letters"),
        ("net1.pth", "none.pth", "n1 on a: weights '{room}/none.pth' not found"),
        ("/b\"", "/c\"", "n0 on b: data root '{room}/c' not found"),
        ('dataset = "folder"', 'dataset = "foldr"', "n0 on a: unknown data set 'foldr' (did you mean 'folder'?)"),
        ("steps = 2", "steps = 3", "n0 on a: steps is 3, expected an even number"),
        ("steps = 2", 'steps = "many"', "n0 on a: steps is 'many', expected a whole number"),
        ("steps = 2", 'steps = 2\nmethods = ["gradcam"]', "the contrast needs method 'layercam'"),
        ("steps = 2", 'steps = 2\nmethods = ["gradcam", "layercam", "scorcam"]', "did you mean 'scorecam'?"),
        ('title = "Tiny"', 'contrast = ["gradcam"]', "contrast is gradcam, expected two methods"),
        ('name = "n1"', 'name = "n1"\nfactors = "x"', "factors is 'x', expected a table of texts"),
        ('name = "n1"', 'name = "n1"\nrecipe = 1', "recipe is '1', expected a text"),
        ('arch = "smallnet:small"', 'arch = "alexnett"', "n0 on a: "),
    ],
)  # fmt: skip
def test_one_line_says_what_to_mend(refused, tiny, tmp_path, old, new, message):
    assert message.format(path=tmp_path / "study.toml", room=tiny.room) in refused(old, new)


def test_a_study_without_networks_or_data(write_study, capsys):
    assert main(["study", str(write_study(networks=()))]) == 2
    assert "has no [[network]]" in capsys.readouterr().err
    assert main(["study", str(write_study(data=""))]) == 2
    assert "has no [[data]]" in capsys.readouterr().err
    assert main(["study", "none.toml"]) == 2
    assert "study file 'none.toml' cannot be read" in capsys.readouterr().err


def test_cells_are_ordinary_runs_of_their_own_folders(write_study, tmp_path):
    more = {1: 'trunk = "t"\nrecipe = "plain"\nfactors = { norm = "batch" }\nlayers = ["1"]'}
    study = load_study(write_study(more=more))
    assert [cell.said for cell in study.cells] == [f"{n} on {d}" for d in "ab" for n in ("n0", "n1", "n2")]
    cell = study.cells[1]
    assert cell.config.out == tmp_path / "out" / "cells" / "n1--a"
    assert (cell.config.steps, cell.config.methods, cell.config.layers) == (2, ("gradcam", "layercam"), ("1",))
    assert study.cells[0].config.layers is None
    assert study.networks[1].trunk == "t"
    assert study.networks[1].factors == {"norm": "batch", "recipe": "plain"}
    assert load_study(tmp_path / "study.toml", tmp_path / "else").cells[0].config.out.parent.parent.name == "else"


@pytest.mark.parametrize("name", ["study-scenes", "study-pets"])
def test_the_shipped_studies_are_studies(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    study = load_study(Path("configs") / f"{name}.toml")
    assert len(study.networks) >= 3
    assert study.out == Path("runs") / name
