"""Stripes: differences between the means of neighbouring detector columns that exceed the noise."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

MIN_PIXELS = 100
"""Smallest number of valid pixels of a column whose mean is used."""

NOISE_FACTOR = 3.0
"""Multiple of the difference expected from noise above which stripes are reported."""

MEDIAN_OF_NORMAL = 0.6745
"""Median of the absolute value of a standard normal variable."""


class Stripes:
    """Sums over the columns of an image."""

    def __init__(self, width: int) -> None:
        """Start with sums of 0."""
        self._count, self._sum, self._squares = np.zeros((3, width))

    def add(self, values: NDArray[np.float32]) -> None:
        """Add rows (h, width), NaN where not valid."""
        valid = np.isfinite(values)
        filled = np.where(valid, values, 0).astype(np.float64)
        self._count += valid.sum(axis=0)
        self._sum += filled.sum(axis=0)
        self._squares += (filled**2).sum(axis=0)

    def difference(self) -> float | None:
        """Return the median difference between the means of neighbouring columns; None where it is noise.

        Neighbouring columns observe nearly the same surface and a plume crosses few columns, so the median is
        an effect of the instrument.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = self._sum / self._count
            error = (self._squares / self._count - mean**2) / self._count
        both = np.minimum(self._count[1:], self._count[:-1]) >= MIN_PIXELS
        if not both.any():
            return None
        difference = float(np.median(np.abs(np.diff(mean))[both]))
        expected = MEDIAN_OF_NORMAL * math.sqrt(max(float(np.median((error[1:] + error[:-1])[both])), 0.0))
        return difference if difference > NOISE_FACTOR * expected and difference > 0 else None
