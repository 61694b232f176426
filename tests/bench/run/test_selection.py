"""What a run selects, through the command line: functions of one's own, metrics without annotations, no protocol."""

import pytest
from PIL import Image

from bench.config import load_config
from bench.errors import ConfigError
from bench.run.pipeline import run
from bench.run.plan import make_plan
from bench.run.selection import must_apply, select_methods, select_metrics
from cam import METHODS, MethodError
from metrics import METRICS
from weights import Classifier


def test_the_command_line_says_it_in_one_line(module, refused):
    module(
        """
        import torch

        def small(activations, gradients):
            return gradients.sum(dim=(1, 2))

        def stops(raw):
            raise SystemExit(1)
        """
    )
    assert (
        refused("--methods", "mine:small")
        == "cambench: method 'mine:small' returned (1, 13, 13), expected (1, 2, 13, 13)\n"
    )
    assert "metric 'mine:stops' raised SystemExit: 1 (mine.py, line 8)" in refused("--metrics", "mine:stops")
    assert "method 'os:system' asks for an unknown input 'command'" in refused("--methods", "os:system")
    assert "data set 'json:loads' takes" in refused(
        "--data-root", ".", words=("run", "--dataset", "json:loads", "--weights", "catdog-scenes")
    )
    assert "'nothing:f': cannot import 'nothing'" in refused("--arch", "nothing:f")


def test_metrics_named_where_nothing_has_what_they_need_are_refused(refused, tmp_path):
    photos = tmp_path / "photos"
    for name in ("cat", "dog"):
        (photos / name).mkdir(parents=True)
        Image.new("RGB", (64, 60 + len(name) + ord(name[0]) % 2), (120, 90, 60)).save(photos / name / "1.jpg")
    words = (
        "run",
        "--dataset",
        "folder",
        "--data-root",
        str(photos),
        "--weights",
        "catdog-scenes",
        "--protocols",
        "none",
    )
    for metric, lacking in (
        ("energy_in_mask", "with a mask or a box of the animal"),
        ("pxap", "with a mask or a box of the animal"),
        ("energy_in_face", "with a box of the head"),
        ("part_correlation", "that is drawn (--dataset synthetic)"),
        ("own_animal_share", "that shows several classes"),
        ("map_separation", "that shows several classes"),
        ("target_sensitivity", "that shows several classes"),
    ):
        line = refused("--metrics", metric, words=words)
        assert f"metric '{metric}' needs an image {lacking}, and none of the 2 in 'folder' is one" in line


def test_without_a_protocol_the_network_runs_once_per_batch(tmp_path, monkeypatch, read_scores):
    passes = []
    whole = Classifier.forward
    monkeypatch.setattr(Classifier, "forward", lambda self, images: passes.append(len(images)) or whole(self, images))
    words = {"dataset": "synthetic", "limit": 3, "weights": "catdog-scenes", "protocols": "none", "controls": "all",
             "batch_size": 2, "workers": 0, "resize": 112, "crop": 112, "no_report": True,
             "out": str(tmp_path / "o")}  # fmt: skip
    make_plan(load_config(None, words))
    tried = len(passes)
    run(load_config(None, words))
    assert passes[2 * tried :] == [2, 1]  # after the trial each batch passes once
    scored = set(read_scores(tmp_path / "o").index.get_level_values("metric"))
    assert "energy_in_mask" in scored
    assert not scored & {name for name, metric in METRICS.items() if metric.needs_forward or metric.needs_truth}


def test_metrics_that_run_the_network_need_a_protocol(refused):
    line = refused("--metrics", "average_drop")
    assert "metric 'average_drop' needs --protocols rise,srg; given: none" in line


def test_words_stand_for_methods():
    assert list(select_methods(["all"])) == list(METHODS)
    fast = select_methods(["fast", "reciprocam"])
    assert {"gradcam", "hirescam", "eigencam", "reciprocam"} <= set(fast)
    assert not {"scorecam", "ablationcam", "opticam", "fullgrad", "shapleycam"} & set(fast)
    with pytest.raises(ConfigError, match="unknown method 'fats'"):
        select_methods(["fats"])


def test_a_word_leaves_out_what_the_network_has_no_head_for_and_a_name_does_not(capsys):
    words = {"dataset": "synthetic", "limit": 1, "weights": "catdog-scenes", "out": "unused"}
    plan = make_plan(load_config(None, {**words, "methods": "fast"}))
    assert "cam" not in plan.job.methods
    assert "hirescam" in plan.job.methods
    assert "left out: method 'cam': classifier_weights are defined for global average" in capsys.readouterr().err
    with pytest.raises(MethodError, match="classifier_weights are defined for global average pooling"):
        make_plan(load_config(None, {**words, "methods": "cam"}))


def test_the_word_all_stands_for_metrics_on_demand_too_and_asks_for_no_annotation():
    usual, every = select_metrics(None, ("rise", "srg")), select_metrics(["all"], ("rise", "srg"))
    assert set(every) - set(usual) == {
        "infidelity", "max_sensitivity", "randomised_similarity", "logit_similarity", "cascade_similarity", "coherency",
        "adcc",
    }  # fmt: skip
    assert not any(metric.on_demand for metric in usual.values())
    assert "srg_probability" not in select_metrics(["all"], ("rise",))
    assert [must_apply(given) for given in (None, ["all"], ["infidelity"])] == [False, False, True]
