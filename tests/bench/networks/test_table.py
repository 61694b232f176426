"""`python -m bench.networks`: what is measured stays, what fails has its row."""

import json

import pytest

import bench.networks.__main__ as command
from bench.networks.entries import ENTRIES, Entry, weights_of
from bench.networks.page import COLUMNS, table
from weights import load_classifier

FOUND = {
    "parameters": 1_234_567, "layer": "features", "size": [8, 7, 6], "forward_ms": 12.3, "cost": 2.345,
    "difference": 3e-7, "accuracy": 0.9583, "notes": [],
}  # fmt: skip
TRAINED, RANDOM = Entry("Net A", "a", "a.pth"), Entry("Net B", "b")


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def test_rows_say_what_was_found():
    lines = table([(TRAINED, FOUND), (RANDOM, {**FOUND, "accuracy": None})]).splitlines()
    assert cells(lines[0])[:-1] == list(COLUMNS[:-1])
    assert lines[2] == "| Net A | trained | 1.2 M | `features` | 8 x 7 x 6 | 12 | 2.35 | 3.0e-07 | 0.958 |  |"
    assert lines[3] == "| Net B | random, seed 0 | 1.2 M | `features` | 8 x 7 x 6 | 12 | 2.35 | 3.0e-07 |  |  |"


def test_failures_and_what_is_missing_have_rows():
    wrong = {**FOUND, "difference": 2e-5}
    lines = table([(TRAINED, {"failed": "WeightsError: a | b"}), (RANDOM, {}), (TRAINED, wrong)]).splitlines()
    assert lines[2].endswith("| **FAILS**: WeightsError: a \\| b |")
    assert lines[3].endswith("| not measured yet |")
    assert lines[4].endswith("| **FAILS**: differs by more than 1e-05 |")
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1


def test_an_interrupted_call_goes_on_and_a_failure_is_repeated(tmp_path, monkeypatch, capsys):
    calls = []

    def measured(entry, weights, data, out):
        calls.append(entry.name)
        if entry is RANDOM and calls.count("b") == 1:
            raise ValueError("no map")
        return FOUND

    monkeypatch.setattr(command, "ENTRIES", (TRAINED, RANDOM))
    monkeypatch.setattr(command, "weights_of", lambda entry, folder, scratch: folder / "w")
    monkeypatch.setattr(command, "measured", measured)
    monkeypatch.setattr(command, "WHOLE", "a")
    monkeypatch.setattr(command, "verdict", lambda entry, weights, data, out: f"{entry.title} in {out.name}")
    monkeypatch.setattr(command.torch, "set_num_threads", lambda count: None)
    flags = ["--weights", "w", "--data-root", "d", "--out", str(tmp_path)]
    assert command.main(flags) == 1
    assert "Net B: ValueError: no map" in capsys.readouterr().out
    assert "**FAILS**: ValueError: no map" in (tmp_path / "networks.md").read_text(encoding="utf-8")
    assert command.main(flags) == 0
    assert calls == ["a", "b", "b"]
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == FOUND
    assert "FAILS" not in (tmp_path / "networks.md").read_text(encoding="utf-8")
    assert (tmp_path / "verdict.md").read_text(encoding="utf-8") == "Net A in pets"
    assert "cores (" in (tmp_path / "machine.md").read_text(encoding="utf-8")


def test_random_weights_are_the_same_every_time_and_read_in_groups(tmp_path):
    entry = next(entry for entry in ENTRIES if entry.arch == "mobilenet_v3_small")
    first = weights_of(entry, tmp_path, tmp_path).read_bytes()
    path = weights_of(entry, tmp_path, tmp_path)
    assert path.read_bytes() == first
    assert load_classifier(path, arch=entry.arch).checkpoint.groups[0] == (281, 282, 283, 284, 285)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_names_are_apart_and_sizes_said_where_they_are_unusual(entry):
    assert [each.name for each in ENTRIES].count(entry.name) == 1
    assert entry.sizes == ({"resize": 299, "crop": 299} if entry.arch == "inception_v3" else {})
