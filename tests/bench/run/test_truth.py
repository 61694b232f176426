import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from bench.cli import main
from bench.engine.removals import measure_truth
from datasets import Batch
from datasets.drawn import BACKGROUND, part_code
from datasets.redraw import Removals
from metrics import METRICS


def batch(present: list[list[bool]], removals: Removals | None) -> Batch:
    images = torch.zeros(len(present), 3, 2, 2, dtype=torch.uint8)
    ids = tuple(map(str, range(len(present))))
    return Batch(ids, tuple(range(len(ids))), images, torch.tensor(present), None, None, None, removals, ())


def brightness(images: torch.Tensor) -> torch.Tensor:
    """Logits (10 * brightness, 0)."""
    bright = images.mean(dim=(1, 2, 3)) * 10
    return torch.stack([bright, torch.zeros_like(bright)], dim=1)


def removed(entries: list[tuple[int, int, int]]) -> Removals:
    """Owner, code and grey value of every image."""
    images = torch.tensor([grey for _, _, grey in entries], dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 2, 2)
    return Removals(images, *(torch.tensor([entry[i] for entry in entries]) for i in (0, 1)))


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_effects_are_falls_of_the_margin(batch_size):
    head, rest = part_code(0, "head"), part_code(0, "rest")
    made = batch([[True, False]], removed([(0, head, 0), (0, rest, 255), (0, BACKGROUND, 250)]))
    truth = measure_truth(made, torch.tensor([[10.0, 0.0]]), brightness, batch_size)
    effect = truth.part_effect[0]
    assert effect[:, head].tolist() == [10.0, -10.0]
    assert effect[:, rest].tolist() == [0.0, 0.0]
    assert effect[0, BACKGROUND] == pytest.approx(10 - 10 * 250 / 255, abs=1e-5)
    assert effect[:, part_code(0, "ears")].isnan().all()
    assert effect[:, part_code(1, "head")].isnan().all()
    assert truth.certified.tolist() == [True]


@pytest.mark.parametrize(("grey", "certified"), [(200, True), (64, False)])
def test_a_scene_whose_background_matters_to_the_probability_is_not_certified(grey, certified):
    """Without the background a margin of 10 is 7.8, of which the probability knows nothing, or 2.5: 0.92 is left."""
    entries = [(0, part_code(0, "head"), 0), (0, part_code(0, "rest"), 255), (0, BACKGROUND, grey)]
    truth = measure_truth(batch([[True, False]], removed(entries)), torch.tensor([[10.0, 0.0]]), brightness, 4)
    assert truth.certified.tolist() == [certified]


def test_images_that_are_not_drawn_have_no_truth():
    truth = measure_truth(batch([[True, False]], removed([])), torch.tensor([[10.0, 0.0]]), brightness, 4)
    assert truth.part_effect.isnan().all()
    assert truth.certified.tolist() == [False]


def test_both_animals_use_each_ones_own_head():
    """Class 0 loses margin without head 0, class 1 without head 1; nothing else matters."""
    codes = {part_code(0, "head"): 0, part_code(1, "head"): 255}
    rest = [part_code(0, "rest"), part_code(1, "rest"), BACKGROUND]
    entries = [*((0, code, grey) for code, grey in codes.items()), *((0, code, 127) for code in rest)]
    logits = brightness(torch.full((1, 3, 1, 1), 127 / 255))
    truth = measure_truth(batch([[True, True]], removed(entries)), logits, brightness, 4)
    assert truth.certified.tolist() == [True]
    swapped = [(owner, code, 255 - grey if code in codes else grey) for owner, code, grey in entries]
    truth = measure_truth(batch([[True, True]], removed(swapped)), logits, brightness, 4)
    assert truth.certified.tolist() == [False]


def test_removals_are_needed():
    with pytest.raises(ValueError, match="without removals"):
        measure_truth(batch([[True, False]], None), torch.zeros(1, 2), brightness, 4)


@pytest.fixture(scope="module")
def ladder(tmp_path_factory):
    """The ladder from truth to chance on a few scenes, every metric that needs no imputed curves and no other maps."""
    out = tmp_path_factory.mktemp("truth") / "run"
    words = ["--config", "configs/validation.toml", "--limit", "12", "--steps", "4", "--workers", "0"]
    usual = [name for name, metric in METRICS.items() if not metric.on_demand and metric.family != "road"]
    words += ["--protocols", "rise,srg", "--metrics", ",".join(usual)]
    assert main(["run", *words, "--no-report", "--out", str(out)]) == 0
    return out


def test_the_real_command_scores_references_like_methods(ladder):
    scores = pd.read_parquet(ladder / "scores.parquet")
    assert set(scores["method"]) == {"truth", "truth_75", "truth_50", "truth_25", "control_random"}
    wide = scores[scores["role"] != "wrong"].pivot_table(index="metric", columns="method", values="value")
    for metric in ("energy_in_face", "energy_in_mask"):
        values = wide.loc[metric, ["control_random", "truth_25", "truth_50", "truth_75", "truth"]].to_numpy()
        assert (np.diff(values) > 0).all(), (metric, values)
    assert wide.loc["srg_margin", "truth"] > wide.loc["srg_margin", "control_random"] + 1


OF_TRUTH = ("energy_in_face", "part_correlation", "certified_scene", "energy_in_evidence")


@pytest.fixture(scope="module")
def fours(tmp_path_factory):
    """Some of the same scenes and metrics in batches of four, with a report."""
    out = tmp_path_factory.mktemp("truth") / "fours"
    words = ["--config", "configs/validation.toml", "--limit", "6", "--protocols", "none", "--workers", "0"]
    assert main(["run", *words, "--metrics", ",".join(OF_TRUTH), "--batch-size", "4", "--out", str(out)]) == 0
    return out


def test_the_page_asks_whether_the_metrics_rank_the_truth_above_chance(fours):
    assert (fours / "tables" / "validation.csv").exists()
    assert "Do the metrics rank the truth above chance?" in (fours / "report.html").read_text(encoding="utf-8")


def test_truth_does_not_depend_on_the_batch(ladder, fours):
    ours, theirs = (
        pd.read_parquet(folder / "scores.parquet").set_index(["image_id", "method", "target", "metric"])["value"]
        for folder in (fours, ladder)
    )
    assert set(ours.index.get_level_values("metric")) == {*OF_TRUTH}
    np.testing.assert_allclose(ours, theirs.reindex(ours.index), atol=1e-4)


def test_the_truth_of_photographs_is_refused_before_any_work(tmp_path, capsys):
    (tmp_path / "cat").mkdir()
    (tmp_path / "dog").mkdir()
    for place, colour in (("cat", "grey"), ("dog", "white")):
        Image.new("RGB", (40, 40), colour).save(tmp_path / place / "1.png")
    words = [
        "--dataset",
        "folder",
        "--data-root",
        str(tmp_path),
        "--weights",
        "catdog-photos-alexnet",
        "--methods",
        "truth",
    ]
    assert main(["run", *words, "--out", str(tmp_path / "out")]) == 2
    assert "method 'truth' needs drawn scenes; use --dataset synthetic" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
