"""Methods that compare the canonical variates of two dates: the square root of a chi-square statistic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import chdtri

from geoseg.methods.change_statistics import window_mean
from geoseg.methods.mad import MadTransform
from geoseg.spec import Units
from geoseg.tasks.change.method import ChangeMethod, ChangeNeeds, Image, Thresholding


@dataclass(frozen=True, kw_only=True, eq=False)
class CanonicalVariates(ChangeMethod):
    """Square root of the sum of squared MAD variates over their variances (Nielsen 2007)."""

    measured = "root of chi-square"
    needs = ChangeNeeds(kind="optical")
    thresholding: ClassVar[tuple[Thresholding, ...]] = ("robust", "ki", "otsu", "chi2")

    transform: MadTransform | None = None
    """None: not fitted."""
    ceiling: float = np.inf
    """Upper limit of the value that a pixel adds to the mean of its window."""

    def measure(self, before: Image, after: Image, radius: int) -> Image:
        """Return the root of Z (H, W), averaged over a window."""
        if self.transform is None:
            raise ValueError(f"{self.name} is not fitted")
        return window_mean(self.transform.root_z(before, after, self.ceiling), radius)

    def threshold_limits(self, bands: int, units: set[Units]) -> tuple[float, float]:  # noqa: ARG002
        """Return the limits: at least what 5 % of unchanged pixels exceed (chi-square)."""
        return float(np.sqrt(chdtri(bands, 0.05))), np.inf


def correlations_note(transform: MadTransform) -> str:
    """Return a text with the canonical correlations of a fit."""
    correlations = ", ".join(f"{value:.2f}" for value in transform.correlations)
    return f"canonical correlations {correlations}" + (
        f" after {transform.rounds} rounds" if transform.rounds else ""
    )
