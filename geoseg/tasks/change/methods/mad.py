"""Multivariate alteration detection."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Self

from geoseg.messages import note
from geoseg.methods.change_statistics import Spread
from geoseg.methods.mad import fit_mad
from geoseg.methods.unmasked import fit_unmasked
from geoseg.tasks.change.canonical_variates import CanonicalVariates, correlations_note
from geoseg.tasks.change.method import FitSample, Growth

LOG = logging.getLogger(__name__)

LEAST_CORRELATION = 0.82
"""Greatest canonical correlation below which most pixels changed, so that plain MAD has no background."""

WINDOW_SHARE = 0.45
"""Share of a window that must have changed, where the measure of a changed pixel is not bounded."""


GROWTH = Growth(grow=0.7, seed=1.75)
"""Chosen with eight city pairs of Sentinel-2 (docs/change.md)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MadChange(CanonicalVariates):
    """Canonical variates of both dates; any affine change of the radiometry of a date has no effect."""

    name = "mad"
    title = "multivariate alteration detection"
    citation = "Nielsen 1998, doi:10.1016/S0034-4257(97)00162-4"
    preference = 1
    fallbacks = ("irmad", "cva")
    # Seeds need less averaging against noise than single pixels.
    smooth = 3

    unbounded: bool = False
    """Whether the fit leaves out pixels that clearly changed, so that their measure is not bounded."""
    correlation: float = 1.0
    """Greatest canonical correlation of all pixels."""

    @property
    def growth(self) -> Growth | None:
        """Hysteresis, except where change is so clear that the fit left it out."""
        return None if self.unbounded else GROWTH

    @property
    def objection(self) -> str:
        """Whether the dates are too different for plain MAD."""
        if self.correlation >= LEAST_CORRELATION:
            return ""
        return f"the dates are hardly correlated (greatest canonical correlation {self.correlation:.2f})"

    def fit(self, sample: FitSample) -> Self:
        """Fit plain MAD, without pixels that clearly changed where these would mask themselves."""
        before, after = sample.pixels()
        plain = fit_mad(before, after, rounds=0)
        transform, left_out = fit_unmasked(before, after, plain)
        if left_out:
            note(
                LOG,
                f"{left_out:.1%} of the sample changed clearly and in the same way, which "
                f"would hide this change: {self.name} is fitted to the rest",
            )
        note(LOG, correlations_note(transform))
        return replace(
            self,
            transform=transform,
            unbounded=left_out > 0,
            correlation=float(plain.correlations[-1]),
        )

    def with_threshold(self, threshold: float, spread: Spread) -> Self:
        """Limit the value that a pixel adds to its window, so that changes are not mapped too large."""
        if not self.unbounded or threshold <= spread.mean:
            return self
        return replace(self, ceiling=spread.mean + (threshold - spread.mean) / WINDOW_SHARE)
