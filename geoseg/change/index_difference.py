"""Methods that compare a normalised difference index of two bands."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geoseg.change.method import ChangeMethod, FitSample, Fitted, Image, Needs
from geoseg.methods.change_statistics import central_spread, window_mean
from geoseg.methods.water_index import reflectance_difference
from geoseg.spec import ClassSpec, Units

LEAST_INDEX = 0.1
"""Change of a normalised index below which seasons and view angles are at work."""

INDEX_SIGMAS = 2.0
"""Robust standard deviations of the difference from which it counts as change (the usual k = 2)."""

LOSS, GAIN = 1, 2


@dataclass(frozen=True, kw_only=True, eq=False)
class IndexDifference(ChangeMethod):
    """Distance of the difference of (a - b) / (a + b) from its mean on unchanged ground; `bands` are a, b."""

    measured = "|difference - mean|"
    needs = Needs(kind="optical", least_bands=2)
    normalisation = "irmad"

    mean: float = 0.0
    """Of the difference, where nothing changed."""

    def fit(self, sample: FitSample) -> Fitted:
        """Find the mean of the difference."""
        differences = [self._difference(*dates, sample.radius).ravel() for dates in sample.dates()]
        spread = central_spread(np.concatenate(differences))
        note = f"mean difference of the index {spread.mean:+.3f}, standard deviation {spread.std:.3f}"
        return Fitted(method=replace(self, mean=spread.mean), notes=(note,))

    def measure(self, before: Image, after: Image, radius: int) -> Image:
        """Return |difference - mean| (H, W) of the index, averaged over a window."""
        return np.asarray(np.abs(self._difference(before, after, radius) - np.float32(self.mean)))

    def direction(self, before: Image, after: Image, radius: int) -> Image:
        """Return loss or gain of the index (H, W)."""
        fell = self._difference(before, after, radius) < self.mean
        return np.where(fell, np.float32(LOSS), np.float32(GAIN))

    def threshold_limits(self, bands: int, units: set[Units]) -> tuple[float, float]:  # noqa: ARG002
        """Return the limits: at least what seasons and view angles make."""
        return LEAST_INDEX, 1.0

    def robust_threshold(self, values: NDArray[np.floating]) -> tuple[float, str]:
        """Return standard deviations of the difference: the median of its size is 0.6745 of them."""
        sigma = float(np.median(values)) * 1.4826
        return INDEX_SIGMAS * sigma, f"{INDEX_SIGMAS:g} robust standard deviations"

    @staticmethod
    def _difference(before: Image, after: Image, radius: int) -> Image:
        """Return second date minus first (H, W) of the index, averaged over a window."""
        first, second = (reflectance_difference(*date) for date in (before, after))
        return window_mean(second - first, radius)


def loss_and_gain(name: str) -> tuple[ClassSpec, ...]:
    """Return the directions of an index by its name."""
    return (
        ClassSpec(value=LOSS, label=f"{name} loss", colour="#d7301f"),
        ClassSpec(value=GAIN, label=f"{name} gain", colour="#31a354"),
    )
