"""The scorecard and the answer: every state of a question, said as it is."""

import math

import numpy as np
import pandas as pd
import pytest

from reports import Run, tables_of
from reports.tables.answer import answer
from reports.tables.examples import examples
from reports.tables.scorecard import scorecard

RANDOM = np.random.default_rng(3)


@pytest.fixture
def judged(make_run):
    """Writes SRG values of the right class by method and gives answer and scorecard."""

    def make(labels: int = 12, edit=None, **values: list[float]):
        images = {f"{place:02}.jpg": ("cat", "dog")[place % 2] for place in range(labels)}
        folder = make_run(images, tuple(values))
        scores = pd.read_parquet(folder / "scores.parquet")
        for method, own in values.items():
            chosen = scores["metric"].eq("srg_probability") & scores["role"].eq("right") & scores["method"].eq(method)
            scores.loc[chosen, "value"] = own
        scores.to_parquet(folder / "scores.parquet")
        run = Run(folder)
        tables = tables_of(run)
        if edit:
            edit(tables)
        card = scorecard(run, tables)
        return answer(run, tables, card)[0], {question.name: question for question in card}, run

    return make


def around(mean: float, count: int = 12, spread: float = 0.02) -> list[float]:
    noise = RANDOM.normal(size=count)
    return list(mean + spread * (noise - noise.mean()))


@pytest.fixture
def faithful(monkeypatch):
    """Leads hold under every substrate and over smoothing (tests/reports/tables/test_substrates.py)."""
    monkeypatch.setattr("reports.tables.scorecard.is_faithful", lambda *_: (True, ""))


def test_a_clear_lead_is_the_heading_with_method_data_and_images(judged, faithful):
    heading, card, _ = judged(gradcam=around(0.1), layercam=around(0.6))
    assert heading == "Layercam is more faithful than Gradcam on 12 images of files."
    faithful = card["Faithful?"]
    assert (faithful.state, faithful.answer, faithful.winner, faithful.n) == ("shown", "Layercam", "layercam", 12)
    (line,) = faithful.lines
    assert line.name == "Gradcam minus Layercam"
    assert line.high < 0
    assert card["Stable?"].answer == "Layercam leads in 100 %"
    assert card["Stable?"].state == "shown"


def test_no_difference_says_how_many_images_it_would_take(judged):
    heading, card, _ = judged(gradcam=around(0.30, spread=0.3), layercam=around(0.33, spread=0.3))
    assert heading.startswith("12 images of files show no difference between Gradcam and Layercam in faithfulness;")
    assert heading.endswith(" would be needed.")
    assert card["Faithful?"].state == "open"
    assert "would need" in card["Faithful?"].note
    assert card["Stable?"].state == "open"  # whatever the resamples say


def test_few_images_have_no_interval_and_no_verdict(judged):
    heading, card, _ = judged(4, gradcam=[0.1] * 4, layercam=[0.9, 0.8, 0.9, 0.8])
    assert heading == "4 images of files are too few to say whether Gradcam or Layercam is more faithful."
    assert card["Faithful?"].answer == card["Stable?"].answer == "too few images"
    assert all(math.isnan(line.low) for line in card["Faithful?"].lines)


def test_of_many_methods_the_best_is_named_and_how_many_it_beats(judged, faithful):
    heading, card, _ = judged(24, a=around(0.1, 24), b=around(0.6, 24), c=around(0.3, 24))
    assert heading == "B is the most faithful of 3 methods on 24 images of files."
    assert card["Faithful?"].lines[0].name == "B minus C"
    assert "is shown to beat 2, all others" in card["Faithful?"].note


def test_the_best_of_many_that_one_cannot_be_told_from_is_not_the_most_faithful(judged):
    close = around(0.6, 24)
    heading, card, _ = judged(
        24, a=around(0.1, 24), b=close, c=[value + 0.2 * (-1) ** i for i, value in enumerate(close)]
    )
    assert heading.startswith("No method is shown to be the most faithful of 3 on 24 images of files; ")
    assert "is shown to beat 1; 1 cannot be told from it." in card["Faithful?"].note
    assert card["Faithful?"].winner == ""


def test_what_was_not_tried_is_never_beaten(judged):
    _, card, _ = judged(gradcam=around(0.1), layercam=around(0.6))
    controls = card["Beats the controls?"]
    assert (controls.state, controls.answer) == ("untried", "not tried")


def test_a_lead_that_may_be_something_else_is_not_called_faithfulness(judged):
    heading, card, _ = judged(gradcam=around(0.1), layercam=around(0.6))
    assert heading == "Layercam is ahead of Gradcam on 12 images of files, but not yet shown to be more faithful."
    asked = card["Faithful?"]
    assert (asked.state, asked.answer, asked.winner) == ("ahead", "Layercam is ahead", "layercam")
    assert "Layercam is not called more faithful: smoothness was not tried" in asked.note
    assert card["Stable?"].state == "open"


def test_wins_and_losses_are_the_ends_of_the_lead(judged):
    first = [0.5] * 12
    second = [0.5] * 12
    second[3], second[7], second[1] = 0.9, 0.7, 0.1
    _, _, run = judged(gradcam=first, layercam=second)
    found = {entry.method: entry for entry in examples(run)}
    assert found["layercam"].wins == found["gradcam"].losses == ["03.jpg", "07.jpg"]
    assert found["layercam"].losses == found["gradcam"].wins == ["01.jpg"]


def test_one_method_has_nothing_to_be_compared_with(judged):
    heading, card, run = judged(gradcam=around(0.1))
    assert heading == "Gradcam on 12 images of files: one method, nothing to compare."
    assert examples(run) == []
    assert card["Faithful?"].state == "untried"
