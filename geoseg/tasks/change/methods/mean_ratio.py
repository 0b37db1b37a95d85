"""Ratio of local mean backscatter."""

from __future__ import annotations

from dataclasses import dataclass

from geoseg.methods import sar
from geoseg.methods.change_statistics import mean_ratio, window_mean
from geoseg.tasks.change.backscatter_ratio import BackscatterRatio
from geoseg.tasks.change.method import Image

RADIUS = 3
"""Pixels: windows of 7 x 7."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MeanRatio(BackscatterRatio):
    """1 − min(m1/m2, m2/m1) of mean power over 7 × 7 pixels, without speckle filter, 1.5 to 8 dB."""

    name = "mean-ratio"
    title = "ratio of local mean backscatter"
    measured = "1 - min(m1/m2, m2/m1)"
    citation = "Inglada & Mercier 2007, doi:10.1109/TGRS.2007.893568"
    preference = 2
    margin = RADIUS

    def measure(self, before: Image, after: Image, radius: int) -> Image:
        """Return the ratio of means (H, W), averaged over a window."""
        return window_mean(mean_ratio(sar.to_power(before[0]), sar.to_power(after[0]), RADIUS), radius)

    def measure_of_db(self, db: float) -> float:
        """Return one minus the ratio."""
        return float(1 - 10 ** (-db / 10))

    def difference(self, before: Image, after: Image, radius: int) -> Image:  # noqa: ARG002
        """Return the difference of mean power."""
        return window_mean(sar.to_power(after[0]), RADIUS) - window_mean(sar.to_power(before[0]), RADIUS)
