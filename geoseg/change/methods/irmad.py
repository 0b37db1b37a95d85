"""Iteratively reweighted multivariate alteration detection."""

from __future__ import annotations

from dataclasses import dataclass, replace

from geoseg.change.canonical_variates import CanonicalVariates, correlations_note
from geoseg.change.method import FitSample, Fitted
from geoseg.methods.mad import FLOOR, fit_mad


@dataclass(frozen=True, kw_only=True, eq=False)
class Irmad(CanonicalVariates):
    """As `mad`, weighted towards what did not change, and calibrated to chi-square."""

    name = "irmad"
    title = "iteratively reweighted multivariate alteration detection"
    citation = "Nielsen 2007, doi:10.1109/TIP.2006.888195"
    preference = 2
    advantage = "looks for what did not change"
    # Reweighted, Z is calibrated to chi-square even where most of a scene has changed.
    thresholding = ("chi2", "robust", "ki", "otsu")
    # Its background is calmer than that of plain MAD.
    smooth = 3

    def fit(self, sample: FitSample) -> Fitted:
        """Fit IR-MAD."""
        transform = fit_mad(*sample.pixels(), floor=FLOOR)
        return Fitted(method=replace(self, transform=transform), notes=(correlations_note(transform),))
