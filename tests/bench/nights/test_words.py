"""A comparison in words, by hand: what is counted, what comes first, how many lines."""

import math
from types import SimpleNamespace

import pytest

from bench.nights.moves import BETTER, MOVED, UNSURE, WORSE, Move, importance
from bench.nights.words import counts, details, headline, told

TITLES = {"gradcam": "Grad-CAM", "layercam": "LayerCAM", "srg_probability": "SRG", "network": "network"}
RUN = SimpleNamespace(layers=["features.12"], title=lambda name: TITLES.get(name, name))
SLOW = "speed of maps method=gradcam: 1.375 bare forward passes, limit 1.300 (median 1.250 of 9 earlier)"


def move(kind: str, metric: str = "srg_probability", method: str = "gradcam", times: float = 95.0, **other) -> Move:
    text = "0.3100 to 0.1200, -0.1900 [-0.2000, -0.1800], tolerance 0.0020"
    return Move(method, "features.12", other.pop("role", "right"), metric, kind, 0.31, 0.12, times, text, **other)


def test_the_first_line_counts_and_names_the_worst():
    moves = [*[move(WORSE)] * 38, *[move(BETTER)] * 26]
    assert headline(moves, [], RUN) == "38 worse, 26 better; worst: SRG of Grad-CAM 0.310 -> 0.120"


@pytest.mark.parametrize(
    ("kinds", "slower", "said"),
    [
        ((), 0, "nothing moved by more than its tolerance"),
        ((UNSURE,), 0, "nothing moved by more than its tolerance"),
        ((), 2, "0 worse, 0 better, 2 slower"),
        ((BETTER,), 0, "0 worse, 1 better"),
        ((WORSE, MOVED, MOVED), 1, "1 worse, 0 better, 2 moved, 1 slower"),
    ],
)
def test_counts(kinds, slower, said):
    assert counts([move(kind) for kind in kinds], slower) == said


def test_gains_are_named_where_nothing_is_worse():
    assert headline([move(BETTER)], [], RUN) == "0 worse, 1 better; best: SRG of Grad-CAM 0.310 -> 0.120"
    assert headline([move(BETTER)], [SLOW], RUN).endswith("; worst: maps method=gradcam: " + SLOW.partition(": ")[2])
    assert details([move(BETTER)] * 3, [], RUN) == ["better: SRG of Grad-CAM 0.310 -> 0.120, and 2 more"]


def test_at_most_four_lines_of_each_kind_one():
    lines = details([move(kind) for kind in (WORSE, MOVED, BETTER, UNSURE) for _ in range(9)], [SLOW], RUN)
    assert [line.partition(":")[0] for line in lines] == ["worse", "slower", "better", "not sure"]
    assert lines[0] == "worse: SRG of Grad-CAM 0.310 -> 0.120 (-0.1900 [-0.2000, -0.1800], tolerance 0.0020)"
    assert len(details([move(WORSE)] * 9, [], RUN)) == 4


def test_what_is_told_of_a_move():
    two = SimpleNamespace(layers=["features.11", "features.12"], title=RUN.title)
    assert told(move(WORSE), two) == "SRG of Grad-CAM at features.12 0.310 -> 0.120"
    assert told(move(MOVED, role="wrong"), RUN) == "SRG of Grad-CAM, wrong-class maps 0.310 -> 0.120"
    assert told(move(WORSE, since="N"), RUN).endswith("0.120 since the reference night N")
    near = Move("network", "logits", "right", "accuracy", WORSE, 0.9001, 0.8999, 1.0, "")
    assert told(near, RUN) == "accuracy of the network 0.90010 -> 0.89990"
    lost = Move(
        "gradcam", "l", "right", "scatter", WORSE, math.nan, math.nan, math.inf, "undefined on 3 images, was on 1"
    )
    assert details([lost], [], RUN) == ["worse: scatter of Grad-CAM undefined on 3 images, was on 1"]


def test_headline_metrics_come_first_then_what_has_values_then_what_moved_most():
    moves = [
        move(WORSE, "empty", times=999.0),
        move(WORSE, times=math.inf),
        move(WORSE, "deletion_auc", times=2.0),
        move(WORSE, "accuracy", times=3.0),
    ]
    order = [(m.metric, m.times) for m in sorted(moves, key=importance)]
    assert order == [
        ("accuracy", 3.0), ("deletion_auc", 2.0), ("srg_probability", math.inf), ("empty", 999.0),
    ]  # fmt: skip
