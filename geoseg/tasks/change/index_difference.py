"""Methods that compare a normalised difference index of two bands."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from geoseg.messages import note
from geoseg.methods.change_statistics import central_spread, window_mean
from geoseg.methods.water_index import reflectance_difference
from geoseg.spec import ClassSpec, Units
from geoseg.tasks.change.method import ChangeMethod, ChangeNeeds, FitSample, Image

LOG = logging.getLogger(__name__)

LEAST_INDEX = 0.1
"""Change of a normalised index that season and view angle alone can cause."""

INDEX_SIGMAS = 2.0
"""Robust standard deviations of the difference above which it is change (the usual k = 2)."""

LOSS, GAIN = 1, 2


@dataclass(frozen=True, kw_only=True, eq=False)
class IndexDifference(ChangeMethod):
    """Distance of the difference of (a - b) / (a + b) from its mean on unchanged ground; `bands` are a, b."""

    measured = "|difference - mean|"
    needs = ChangeNeeds(kind="optical", one_unit=True, least_bands=2)
    normalisation = "irmad"
    finds_within_classes = True

    mean: float = 0.0
    """Mean of the difference on unchanged ground."""

    def fit(self, sample: FitSample) -> Self:
        """Find the mean of the difference."""
        differences = [self._difference(*dates, sample.radius).ravel() for dates in sample.dates()]
        spread = central_spread(np.concatenate(differences))
        note(LOG, f"mean difference of the index {spread.mean:+.3f}, standard deviation {spread.std:.3f}")
        return replace(self, mean=spread.mean)

    def measure(self, before: Image, after: Image, radius: int) -> Image:
        """Return |difference - mean| (H, W) of the index, averaged over a window."""
        return np.asarray(np.abs(self._difference(before, after, radius) - np.float32(self.mean)))

    def direction(self, before: Image, after: Image, radius: int) -> Image:
        """Return loss or gain of the index (H, W)."""
        fell = self._difference(before, after, radius) < self.mean
        return np.where(fell, np.float32(LOSS), np.float32(GAIN))

    def threshold_limits(self, bands: int, units: set[Units]) -> tuple[float, float]:  # noqa: ARG002
        """Return the limits: at least the effect of season and view angle."""
        return LEAST_INDEX, 1.0

    def robust_threshold(self, values: NDArray[np.floating]) -> tuple[float, str]:
        """Return 2 robust standard deviations; the median of the absolute difference is 0.6745 of one."""
        sigma = float(np.median(values)) * 1.4826
        return INDEX_SIGMAS * sigma, f"{INDEX_SIGMAS:g} robust standard deviations"

    @staticmethod
    def _difference(before: Image, after: Image, radius: int) -> Image:
        """Return second date minus first (H, W) of the index, averaged over a window."""
        first, second = (reflectance_difference(*date) for date in (before, after))
        return window_mean(second - first, radius)


def loss_and_gain(name: str) -> tuple[ClassSpec, ...]:
    """Return the directions of the index of a name."""
    return (
        ClassSpec(value=LOSS, label=f"{name} loss", colour="#d7301f"),
        ClassSpec(value=GAIN, label=f"{name} gain", colour="#31a354"),
    )
