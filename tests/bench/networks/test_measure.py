"""One network of the table, measured on real photographs."""

from bench.networks import measure
from bench.networks.entries import Entry
from bench.networks.measure import measured, options


def test_a_real_network(shared, tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "IMAGES", 4)
    monkeypatch.setattr(measure, "ROUNDS", 1)
    entry = Entry("narrow", "alexnet_narrow", "alexnet-narrow-catdog.pth")
    found = measured(entry, shared / "weights" / entry.file, shared / "data", tmp_path / "run")
    assert found["layer"] == "features.11"
    assert found["size"] == [256, 13, 13]
    assert found["accuracy"] in (0, 0.25, 0.5, 0.75, 1)
    assert found["difference"] < measure.PARITY
    assert found["cost"] > 0
    assert found["forward_ms"] > 0


def test_what_nothing_else_says_is_said(tmp_path):
    config = options(Entry("x", "inception_v3", side=299), tmp_path / "w", tmp_path, tmp_path / "out")
    assert (config.resize, config.crop, config.arch) == (299, 299, "inception_v3")
    assert (config.protocols, config.controls, config.limit) == (("none",), "none", 24)
