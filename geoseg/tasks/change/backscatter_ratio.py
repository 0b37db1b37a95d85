"""Methods that compare radar backscatter by a ratio of power."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from geoseg.methods.change_statistics import Spread
from geoseg.spec import ClassSpec, Units
from geoseg.tasks.change.method import ChangeMethod, ChangeNeeds, Image

LEAST_DB, MOST_DB, FALLBACK_DB = 1.5, 8.0, 3.0
"""dB: limits of a threshold from the histogram, and the threshold where it has one mode."""

FELL, ROSE = 1, 2


@dataclass(frozen=True, kw_only=True, eq=False)
class BackscatterRatio(ChangeMethod):
    """A measure of the ratio of backscatter on two dates, in one polarisation."""

    needs = ChangeNeeds(kind="sar", units=frozenset({"db"}))
    thresholding = ("ki", "otsu", "robust")
    smooth = 1
    directions = (
        ClassSpec(value=FELL, label="backscatter fell", colour="#2b8cff"),
        ClassSpec(value=ROSE, label="backscatter rose", colour="#d7301f"),
    )

    @abstractmethod
    def measure_of_db(self, db: float) -> float:
        """Return the measure of a change of backscatter by some dB."""

    @abstractmethod
    def difference(self, before: Image, after: Image, radius: int) -> Image:
        """Return the second date minus the first, (H, W)."""

    def direction(self, before: Image, after: Image, radius: int) -> Image:
        """Return whether backscatter fell or rose (H, W)."""
        fell = self.difference(before, after, radius) < 0
        return np.where(fell, np.float32(FELL), np.float32(ROSE))

    def threshold_limits(self, bands: int, units: set[Units]) -> tuple[float, float]:  # noqa: ARG002
        """Return the limits: 1.5 to 8 dB."""
        return self.measure_of_db(LEAST_DB), self.measure_of_db(MOST_DB)

    def unimodal_threshold(self, spread: Spread) -> float:  # noqa: ARG002
        """Return the measure of 3 dB."""
        return self.measure_of_db(FALLBACK_DB)
