import numpy as np
import pandas as pd
import pytest

from reports import Run
from reports.tables.ranking import RANKING, ranking


@pytest.fixture
def ranked(make_run):
    """Writes SRG values of the right class by method, an image per value, and ranks them."""

    def make(**values: list[float]) -> pd.DataFrame:
        images = {f"{place:02}.jpg": "cat" for place in range(len(next(iter(values.values()))))}
        folder = make_run(images, tuple(values))
        scores = pd.read_parquet(folder / "scores.parquet")
        for method, own in values.items():
            chosen = scores["metric"].eq("srg_probability") & scores["role"].eq("right") & scores["method"].eq(method)
            scores.loc[chosen, "value"] = own
        scores.to_parquet(folder / "scores.parquet")
        table = ranking(Run(folder))
        assert list(table) == RANKING
        return table[table["metric"].eq("srg_probability")].set_index("method")

    return make


def test_a_method_ahead_on_every_image_is_first_in_every_resample(ranked):
    table = ranked(a=[0.1] * 9 + [0.2], b=[0.5] * 9 + [0.6])
    assert list(table.index) == ["b", "a"]
    assert table["rank"].tolist() == [1, 2]
    assert table.loc["b", ["rank_low", "rank_high", "first"]].tolist() == [1, 1, 1]
    assert table.loc["a", ["rank_low", "rank_high", "first"]].tolist() == [2, 2, 0]
    assert table.loc["b", "mean"] == pytest.approx(0.51)


def test_methods_that_are_the_same_share_the_first_place(ranked):
    table = ranked(a=list(np.arange(10) / 10), b=list(np.arange(10) / 10))
    assert table["rank"].tolist() == [1, 1]
    assert table["first"].tolist() == [0.5, 0.5]


def test_methods_that_change_places_are_said_to(ranked):
    table = ranked(a=[0.0, 1.0] * 6, b=[1.0, 0.0] * 6)
    assert (table["rank_low"] == 1).all()
    assert (table["rank_high"] == 2).all()
    assert table["first"].sum() == pytest.approx(1)
    assert (abs(table["first"] - 0.5) < 0.03).all()


def test_few_images_have_no_resamples(ranked):
    table = ranked(a=[0.1] * 7, b=[0.2] * 7)
    assert table[["rank_low", "rank_high", "first"]].isna().all(axis=None)
    assert table["n"].tolist() == [7, 7]


def test_images_without_a_value_of_every_method_do_not_count(ranked):
    table = ranked(a=[0.1] * 9 + [9.0], b=[0.2] * 9 + [np.nan])
    assert table["n"].tolist() == [9, 9]
    assert table["mean"].tolist() == pytest.approx([0.2, 0.1])
