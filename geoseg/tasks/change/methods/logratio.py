"""Log-ratio of backscatter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geoseg.methods.change_statistics import absolute_log_ratio, window_mean
from geoseg.tasks.change.backscatter_ratio import BackscatterRatio
from geoseg.tasks.change.method import Image


@dataclass(frozen=True, kw_only=True, eq=False)
class LogratioChange(BackscatterRatio):
    """Absolute ln(after / before) of power after the speckle filter, 1.5 to 8 dB."""

    name = "logratio"
    title = "log-ratio of backscatter"
    measured = "|ln(after / before)|"
    citation = "Bazi 2005, doi:10.1109/TGRS.2004.842441"
    preference = 1
    filters_speckle = True

    def measure(self, before: Image, after: Image, radius: int) -> Image:
        """Return |ln(after / before)| (H, W), averaged over a window."""
        return window_mean(absolute_log_ratio(before[0], after[0]), radius)

    def measure_of_db(self, db: float) -> float:
        """Return the natural logarithm of the ratio."""
        return float(db * (np.log(10) / 10))

    def difference(self, before: Image, after: Image, radius: int) -> Image:
        """Return the difference in dB."""
        return window_mean(after[0] - before[0], radius)
