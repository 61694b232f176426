import pandas as pd
import pytest

from metrics.statistics.mean_ranks import critical_difference
from reports import Run
from reports.figures.critical_difference import critical_difference_figure
from reports.figures.style import style
from reports.tables.mean_ranks import mean_rank_table


def test_ranks_follow_the_scores(make_run):
    folder = make_run()
    scores = pd.read_parquet(folder / "scores.parquet")
    better = scores["metric"].eq("srg_probability") & scores["method"].eq("layercam")
    scores.loc[better, "value"] += 1
    scores.to_parquet(folder / "scores.parquet")
    table = mean_rank_table(Run(folder)).set_index(["metric", "method"])
    row = table.loc[("srg_probability", "layercam")]
    assert (row["mean_rank"], row["n"], row["rivals"], row["role"]) == (1, 8, 2, "right")
    assert table.loc[("srg_probability", "gradcam"), "mean_rank"] == 2
    assert row["critical_difference"] == critical_difference(2, 8)


def test_a_diagram_per_metric_and_a_title_that_says_who_is_first(make_run):
    folder = make_run()
    scores = pd.read_parquet(folder / "scores.parquet")
    scores.loc[scores["method"].eq("gradcam"), "value"] += 1
    scores.to_parquet(folder / "scores.parquet")
    run = Run(folder)
    with style():
        ((name, figure),) = critical_difference_figure(run, mean_rank_table(run))
        assert name == "critical_difference"
        assert len(figure.axes) == 2
        assert figure.get_suptitle().startswith("Gradcam ranks first on every metric")
        assert "1.00" in " ".join(text.get_text() for text in figure.axes[0].texts)


@pytest.mark.parametrize("holds", [{"methods": ("gradcam",)}, {"undefined": True}, {"labels": {"0.jpg": "cat"}}])
def test_nothing_to_rank_no_figure(make_run, holds):
    run = Run(make_run(**holds))
    assert list(critical_difference_figure(run, mean_rank_table(run))) == []
