import json

import pandas as pd
import pytest

from reports import Run
from reports.tables.sanity import SANITY, gate_text, sanity
from reports.tables.summary import SUMMARY


@pytest.fixture
def run(make_run):
    folder = make_run({f"{i}.jpg": ("cat", "dog")[i % 2] for i in range(8)}, ("gradcam", "layercam"))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["controls"] = {"control_sobel": {"title": "Sobel edges", "meaning": ""}}
    manifest["metrics"] |= dict.fromkeys(("randomised_similarity", "logit_similarity"), manifest["metrics"]["scatter"])
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return Run(folder)


def rows(**means: tuple[float, float]) -> pd.DataFrame:
    """A summary of means and upper limits by method."""
    found = [
        (name, "features.11", "right", "randomised_similarity", 8, 0, mean, mean, 2 * mean - high, high)
        for name, (mean, high) in means.items()
    ]
    return pd.DataFrame(found, columns=SUMMARY)


def test_who_passes_who_fails_and_whom_nothing_judges(run):
    given = rows(gradcam=(0.1, 0.2), layercam=(0.4, 0.6), control_sobel=(1, 1), control_negated_gradcam=(0.1, 0.1))
    table = sanity(run, given)
    assert list(table.columns) == SANITY
    assert table[["method", "passes"]].to_numpy().tolist() == [
        ["gradcam", "yes"], ["layercam", "undecided"], ["control_sobel", "no"],
    ]  # fmt: skip
    assert gate_text(run, table) == [
        "Gradcam passes the randomisation gate, which ranks nothing.",
        "The randomisation gate cannot judge Layercam: every layer shuffled (similarity 0.40).",
    ]


@pytest.mark.parametrize(
    ("mean", "high", "passes"),
    [(0.5, 0.6, "no"), (0.9, float("nan"), "no"), (0.1, float("nan"), "undecided"), (0.49, 0.5, "undecided"),
     (-0.9, -0.8, "yes"), (float("nan"), float("nan"), "undecided")],
)  # fmt: skip
def test_the_whole_interval_has_to_lie_below_the_limit(run, mean, high, passes):
    assert sanity(run, rows(gradcam=(mean, high)))["passes"].tolist() == [passes]


def test_every_check_counts_and_other_roles_do_not(run):
    both = pd.concat([rows(gradcam=(0.1, 0.2)), rows(gradcam=(0.98, 0.99)).assign(metric="logit_similarity")])
    table = sanity(run, pd.concat([both, rows(layercam=(0.9, 0.9)).assign(role="wrong")]))
    assert gate_text(run, table) == [
        "Gradcam fails the randomisation gate: its map stays with the last layer shuffled (similarity 0.98)."
    ]


def test_a_control_that_passes_breaks_the_gate(run):
    table = sanity(run, rows(gradcam=(0.1, 0.2), control_sobel=(0.1, 0.2)))
    assert gate_text(run, table)[1:] == [
        "The randomisation gate tells nothing here: Sobel edges, which knows no network, passes it."
    ]
