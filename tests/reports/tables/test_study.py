"""The answers of a study from run directories whose numbers are known."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from metrics.statistics.comparison import ALPHA
from reports import ReportError
from reports.runs.study import Study, StudyNetwork, StudyRun
from reports.tables.study import ALL, STUDY, answers, factor_table, study_table, verdict_of
from reports.tables.study_text import answer_sentence, detail_sentences, study_warnings

TITLES = {"gradcam": "Grad-CAM", "layercam": "LayerCAM"}
LABELS = {f"{i:02}.jpg": ("cat", "dog")[i % 2] for i in range(20)}


@pytest.fixture
def study(write_run, tmp_path):
    """Makes a study in which SRG of a - b is, per network, a known mean with a little noise; 0 for all else."""

    def make(means, *, labels=LABELS, trunks=None, factors=None, metrics=("srg_probability",), failed=(), bump=None):
        runs, networks = [], []
        for number, mean in enumerate(means):
            name = f"n{number}"
            folder = write_run(tmp_path / f"{name}--d", labels)
            scores = pd.read_parquet(folder / "scores.parquet")
            own = np.random.default_rng(number).normal(0, 0.02, len(scores))
            first = scores["method"].eq("gradcam") & scores["metric"].isin(metrics)
            scores["value"] = 0.5 + np.where(first, mean + own, 0)
            if bump is not None:
                bump(folder, scores)
            scores.to_parquet(folder / "scores.parquet")
            networks.append(StudyNetwork(name, (trunks or {}).get(name, ""), (factors or {}).get(name, {})))
            runs.append(StudyRun(name, "d", folder, "broken" if name in failed else None))
        return Study(tmp_path, "Title", ("gradcam", "layercam"), tuple(networks), tuple(runs))

    return make


def found_of(study, name="srg_probability"):
    return {answer.name: answer for answer in answers(study)}[name]


def test_a_difference_that_all_networks_share_is_decided(study):
    answer = found_of(study([0.2, 0.21, 0.19, 0.2]))
    assert answer.verdict == "better"
    assert answer.found.mean.mean == pytest.approx(0.2, abs=0.01)
    sentence = answer_sentence(answer, TITLES, ("gradcam", "layercam"))
    assert sentence.startswith("Over 4 networks Grad-CAM is better than LayerCAM in ")
    low, high = answer.found.interval(answer.level)
    assert f"{answer.found.mean.mean:+.3f} [{low:+.3f}, {high:+.3f}]; a new network may lie anywhere" in sentence
    assert detail_sentences(answer)[0] == "4 of 4 networks lie above 0 (4 by their own interval), 0 below (0)."


def test_the_other_way_round_the_second_is_better(study):
    answer = found_of(study([-0.2, -0.21, -0.19, -0.2]))
    assert answer.verdict == "worse"
    assert "LayerCAM is better than Grad-CAM in " in answer_sentence(answer, TITLES, ("gradcam", "layercam"))


def test_networks_that_contradict_each_other_decide_nothing(study):
    """Each network by itself is sure; over networks nothing is."""
    answer = found_of(study([0.3, -0.25, 0.2, -0.3]))
    assert answer.verdict == "no difference shown"
    own = answer.networks
    assert ((own["ci_low"] > 0) | (own["ci_high"] < 0)).all()
    row = study_table([answer]).iloc[0]
    assert (row["above"], row["above_surely"], row["below"], row["below_surely"]) == (2, 2, 2, 2)
    assert row["new_low"] < -0.3 < 0.3 < row["new_high"]


def test_p_and_intervals_are_corrected_for_all_questions(study):
    found = answers(study([0.2, 0.21, 0.19, 0.2], metrics=("srg_probability", "energy_in_mask")))
    asked = [answer for answer in found if not math.isnan(answer.found.p_value)]
    assert len(asked) == 2
    assert {answer.level for answer in found} == {ALPHA / 2}
    smallest = min(asked, key=lambda answer: answer.found.p_value)
    assert smallest.p_holm == pytest.approx(2 * smallest.found.p_value)
    table = study_table(found)
    assert list(table.columns) == STUDY
    wider = table.dropna(subset="mean")
    assert (wider["family_low"] <= wider["ci_low"]).all()
    assert (wider["family_new_high"] >= wider["new_high"]).all()


def test_mean_and_most_networks_have_to_agree(study):
    answer = found_of(study([-0.02] * 5 + [9.0]))
    assert answer.verdict == "no difference shown"  # one network decides nothing
    assert verdict_of(answer, 0.01) == "mixed"


def test_two_maps_of_one_image_are_one_image(study):
    labels = {**LABELS, **{f"both{i}.jpg": "cat+dog" for i in range(10)}}

    def share(folder, scores):
        """Effective areas of images of both become shares: 0.7 and 0.5 of a, 0.5 of b."""
        own = scores["role"].eq("present") & scores["metric"].eq("effective_area")
        scores.loc[own & scores["method"].eq("gradcam") & scores["target"].eq("cat"), "value"] = 0.7
        scores.loc[own, "value"] += np.random.default_rng(1).normal(0, 1e-3, own.sum())
        scores.loc[own, "metric"] = "own_animal_share"
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["metrics"]["own_animal_share"] = manifest["metrics"]["energy_in_mask"]
        (folder / "manifest.json").write_text(json.dumps(manifest))

    made = study([0.0] * 3, labels=labels, bump=share)
    answer = found_of(made, "own_animal_share")
    assert answer.found.images == 10
    assert set(answer.networks["n"]) == {10}
    assert answer.found.mean.mean == pytest.approx(0.1, abs=1e-3)


def test_failed_cells_are_left_out_and_said(study):
    made = study([0.2, 0.21, 0.19, 5.0], failed=("n3",))
    answer = found_of(made)
    assert answer.found.networks == 3
    assert answer.found.mean.mean == pytest.approx(0.2, abs=0.01)
    assert study_warnings(made, [answer]) == ["Left out: n3 on d could not be scored: broken"]


def test_trunks_are_said(study):
    made = study([0.2, 0.21, 0.19, 0.2], trunks={"n2": "t", "n3": "t"})
    answer = found_of(made)
    assert "Over 4 networks of 3 trunks" in answer_sentence(answer, TITLES, ("gradcam", "layercam"))
    assert list(answer.networks["trunk"]) == ["", "", "t", "t"]


def test_factors_are_those_of_the_file_and_the_architecture(study):
    levels = {f"n{i}": {"recipe": ("plain", "smooth")[i // 2]} for i in range(4)}
    found = answers(study([0.0, 0.01, 0.3, 0.31], factors=levels))
    table = factor_table(found)
    own = table[table["question"].eq("srg_probability")]
    assert list(own["factor"].unique()) == ["recipe"]  # all have one architecture
    assert list(own["level"]) == ["plain", "smooth"]
    assert own["mean"].to_numpy() == pytest.approx([0.005, 0.305], abs=0.01)
    assert (own["p_factor"] < 0.01).all()
    assert "By recipe, the levels differ" in " ".join(detail_sentences(found[0]))


def test_the_gap_of_each_method_is_a_question(study):
    found = {answer.name: answer for answer in answers(study([0.0, 0.1, 0.2]))}
    gaps = {name for name in found if name.startswith("scatter_gap")}
    assert gaps == {"scatter_gap", "scatter_gap_gradcam", "scatter_gap_layercam"}
    assert set(found["scatter_gap"].networks["data"]) == {ALL}


def test_a_cell_without_the_methods_is_named(study, write_run, tmp_path):
    made = study([0.0, 0.1])
    folder = write_run(tmp_path / "other", LABELS, methods=("gradcam", "gradcam++"))
    broken = Study(made.out, "", made.contrast, made.networks, (StudyRun("n0", "d", folder, None),))
    with pytest.raises(ReportError, match="has no method 'layercam'"):
        answers(broken)
