"""Where the level of a series steps: change points over nights."""

import math

import numpy as np
import ruptures
from numpy.typing import ArrayLike

MAD_TO_SIGMA = 1.4826  # of a normal distribution
SHORTEST = 3  # nights that a level lasts
FEWEST = 10  # nights below which the noise cannot be told from a step
PENALTY = 5.0  # per change point, times log n, in units of the noise variance
FLOOR = 1e-4  # of the level: less is rounding, not noise


def change_points(values: ArrayLike) -> list[int]:
    """Places in a series from which on its mean is another one.

    Least squares with a penalty of 5 log(n) (1 + 10 / n) sigma^2 per change point, minimised exactly (PELT, Killick et
    al. 2012, in ruptures). sigma is that of the differences of neighbours (1.4826 MAD / sqrt 2), which steps hardly
    move; the term in 1 / n makes up for how badly few of them tell it.

    Args:
        values: one per night, (n,); NaN is left out.

    Returns:
        Indices into `values` of the first night of every new level; none for fewer than ten values.
    """
    array = np.asarray(values, dtype=float)
    places = np.flatnonzero(~np.isnan(array))
    series = array[places]
    if len(series) < FEWEST:
        return []
    steps = np.diff(series)
    noise = MAD_TO_SIGMA * float(np.median(np.abs(steps - np.median(steps)))) / math.sqrt(2)
    scaled = (series - np.median(series)) / max(noise, FLOOR * float(np.median(np.abs(series))), 1e-12)
    search = ruptures.KernelCPD(kernel="linear", min_size=SHORTEST).fit(scaled[:, None])
    penalty = PENALTY * math.log(len(series)) * (1 + FEWEST / len(series))
    return [int(places[end]) for end in search.predict(pen=penalty)[:-1]]
