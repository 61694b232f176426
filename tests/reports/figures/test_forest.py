"""The forest plot shows the very numbers of the answer."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Polygon

from metrics.statistics.networks import VALUES, over_networks, own_mean
from reports.figures.forest import forest_figure
from reports.figures.style import style
from reports.tables.study import ALL, DIFFERENCE, STUDY_NETWORKS, Answer


def answer(networks: int, data: tuple[str, ...] = ("d",), verdict: str = "better") -> Answer:
    random = np.random.default_rng(0)
    rows = [
        (f"n{n}", f"n{n}", one, f"{i:02}", "", 0.3 + 0.05 * n + 0.1 * random.normal())
        for n in range(networks)
        for one in data
        for i in range(12)
    ]
    values = pd.DataFrame(rows, columns=VALUES)
    own = []
    for name, mine in values.groupby("network"):
        for one, part in [(ALL, mine), *(mine.groupby("data") if len(data) > 1 else [])]:
            mean, low, high, n = own_mean(part)
            own.append(("srg", name, "", one, n, 0, mean, low, high))
    table = pd.DataFrame(own, columns=STUDY_NETWORKS)
    found = over_networks(values)
    return Answer("srg", "right", DIFFERENCE, "SRG", "higher", found, table, {}, 0.01, 0.001, verdict)


def drawn(given: Answer):
    with style():
        figure = forest_figure(given, "SRG, a minus b; right of 0 a is better")
    (axis,) = figure.axes
    return figure, axis


def test_a_line_per_network_then_the_diamond_then_a_new_one():
    given = answer(4)
    figure, axis = drawn(given)
    labels = [tick.get_text() for tick in axis.get_yticklabels()]
    assert labels == ["n0", "n1", "n2", "n3", "mean (99.0 %)", "a new network (99.0 %)"]
    (diamond,) = [patch for patch in axis.patches if isinstance(patch, Polygon)]
    low, high = given.found.interval(0.01)
    corners = diamond.get_xy()
    assert (corners[:, 0].min(), corners[:, 0].max()) == pytest.approx((low, high))
    assert corners[1, 0] == pytest.approx(given.found.mean.mean)
    drawn_lines = [line.get_xdata() for line in axis.lines if len(line.get_xdata()) == 2]
    first = given.networks.iloc[0]
    for ends in ([first["ci_low"], first["ci_high"]], given.found.prediction(0.01)):
        assert any(np.allclose(np.asarray(line, dtype=float), ends) for line in drawn_lines)
    texts = [text.get_text() for text in axis.texts]
    assert texts[0] == f"{first['mean']:.3f} [{first['ci_low']:.3f}, {first['ci_high']:.3f}]  n = 12"
    assert figure.get_suptitle() == "SRG, a minus b: better, 4 networks"


def test_data_sets_have_marks_of_their_own():
    _, axis = drawn(answer(3, ("d", "e")))
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["d", "e"]


def test_without_a_statement_there_is_no_diamond():
    figure, axis = drawn(answer(2, verdict="undefined"))
    assert not axis.patches
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["n0", "n1"]
    assert figure.get_suptitle() == "SRG, a minus b: nothing can be said of others, 2 networks"
