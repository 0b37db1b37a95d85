"""Multivariate alteration detection."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from geoseg.change.canonical_variates import CanonicalVariates, correlations_note
from geoseg.change.method import FitSample, Fitted
from geoseg.methods.change_statistics import Spread
from geoseg.methods.mad import fit_mad
from geoseg.methods.unmasked import fit_unmasked

LEAST_CORRELATION = 0.82
"""Greatest canonical correlation below which most has changed, and plain MAD has no background."""

WINDOW_SHARE = 0.45
"""Share of a window that must have changed, where the measure of a changed pixel has no bound."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Mad(CanonicalVariates):
    """Canonical variates of both dates; any affine change of the radiometry of a date has no effect."""

    name = "mad"
    title = "multivariate alteration detection"
    citation = "Nielsen 1998, doi:10.1016/S0034-4257(97)00162-4"
    preference = 1
    fallbacks = ("irmad", "cva")

    unbounded: bool = False
    """Whether the fit leaves out what clearly changed, so that its measure has no bound there."""

    def fit(self, sample: FitSample) -> Fitted:
        """Fit plain MAD, without pixels that clearly changed where they would hide themselves."""
        before, after = sample.pixels()
        plain = fit_mad(before, after, rounds=0)
        greatest = plain.correlations[-1]
        if sample.automatic and greatest < LEAST_CORRELATION:
            objection = f"the dates resemble each other little (greatest correlation {greatest:.2f})"
            return Fitted(method=replace(self, transform=plain), objection=objection)
        unmasked = fit_unmasked(before, after, plain)
        notes = [correlations_note(unmasked.mad)]
        if unmasked.left_out:
            notes.insert(
                0,
                f"{unmasked.left_out:.1%} of the sample changed beyond doubt, and so alike that it would "
                f"hide itself: {self.name} is fitted to the rest",
            )
        fitted = replace(self, transform=unmasked.mad, unbounded=unmasked.left_out > 0)
        return Fitted(method=fitted, notes=tuple(notes))

    def with_threshold(self, threshold: float, spread: Spread) -> Self:
        """Limit what a pixel adds to its window, so that a mapped change is not larger than it is."""
        if not self.unbounded or threshold <= spread.mean:
            return self
        return replace(self, ceiling=spread.mean + (threshold - spread.mean) / WINDOW_SHARE)
