import numpy as np
import pytest

from metrics.statistics import bootstrap
from metrics.statistics.bootstrap import RESAMPLES, multinomial, weighted


def test_draws_do_not_depend_on_the_block(monkeypatch):
    drawn = multinomial(37, 5)
    multinomial.cache_clear()
    monkeypatch.setattr(bootstrap, "DRAWN", 100)
    assert np.array_equal(drawn, multinomial(37, 5))
    multinomial.cache_clear()


def test_every_resample_has_as_many_images_as_there_are():
    assert (multinomial(50, 0).sum(axis=1, dtype=int) == 50).all()
    assert weighted(0, 0, np.empty((0, 3))).shape == (RESAMPLES, 3)


def test_a_count_that_does_not_fit_a_byte_is_no_small_number():
    with pytest.raises(OverflowError, match="takes one image 256 times"):
        bootstrap._bytes(np.array([256]))
    assert bootstrap._bytes(np.array([255])).tolist() == [255]
