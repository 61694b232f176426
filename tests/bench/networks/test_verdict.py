"""One network on all photographs: its accuracy, and the headline family of its comparison."""

import dataclasses

import pandas as pd

from bench.networks import verdict as module
from bench.networks.entries import Entry
from bench.networks.verdict import shown, verdict

ENTRY = Entry("narrow", "alexnet_narrow", "alexnet-narrow-catdog.pth")


def test_the_headline_family_alone():
    row = {"metric": "m", "role": "right", "n": 8, "mean_difference": 0.5, "ci_low": 0.25, "ci_high": 0.75,
           "p_holm": 0.01234, "verdict": "better", "family": "headline"}  # fmt: skip
    table = pd.DataFrame([row, {**row, "metric": "other", "family": "exploratory"}])
    assert shown(table).splitlines()[2:] == ["| m | right | 8 | 0.500 [0.250, 0.750] | 0.0123 | better |"]


def test_of_real_photographs(shared, tmp_path, monkeypatch):
    options = module.options

    def few(*arguments):
        return dataclasses.replace(options(*arguments), limit=4, steps=2, controls="none", metrics=("srg_probability",))

    monkeypatch.setattr(module, "options", few)
    said = verdict(ENTRY, shared / "weights", shared / "data", tmp_path / "run")
    right, count = map(int, pd.Series(said).str.extract(r"calls (\d+) of (\d+) photographs right").iloc[0])
    assert count == 4
    assert f"accuracy {right / 4:.3f}." in said
    assert "| srg_probability | right | 4 |" in said


def test_all_photographs_with_eight_steps(tmp_path):
    config = module.options(tmp_path / "w", tmp_path, tmp_path / "out")
    assert (config.limit, config.steps, config.resume, config.protocols) == (None, 8, True, ("rise", "srg"))
