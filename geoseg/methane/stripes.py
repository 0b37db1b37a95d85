"""Stripes: neighbouring detector columns whose means differ by more than noise explains."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

LEAST_ROWS = 100
"""Valid pixels of a column from which its mean says something."""

CLEAR = 3.0
"""Times what noise explains, from which stripes are told."""

MEDIAN_OF_NORMAL = 0.6745
"""Median of the absolute value of a standard normal variable."""


class Stripes:
    """Sums of an image's columns."""

    def __init__(self, width: int) -> None:
        """Begin."""
        self._count, self._sum, self._squares = np.zeros((3, width))

    def add(self, values: NDArray[np.float32]) -> None:
        """Count rows (h, width), NaN where not valid."""
        seen = np.isfinite(values)
        filled = np.where(seen, values, 0).astype(np.float64)
        self._count += seen.sum(axis=0)
        self._sum += filled.sum(axis=0)
        self._squares += (filled**2).sum(axis=0)

    def found(self) -> float | None:
        """Return the median difference of neighbouring columns' means; None where noise explains it.

        Neighbours see nearly the same ground, and a plume crosses few columns, so the median is the
        instrument's.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = self._sum / self._count
            error = (self._squares / self._count - mean**2) / self._count
        both = np.minimum(self._count[1:], self._count[:-1]) >= LEAST_ROWS
        if not both.any():
            return None
        differ = float(np.median(np.abs(np.diff(mean))[both]))
        expected = MEDIAN_OF_NORMAL * math.sqrt(max(float(np.median((error[1:] + error[:-1])[both])), 0.0))
        return differ if differ > CLEAR * expected and differ > 0 else None
