"""Iteratively reweighted multivariate alteration detection."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Self

from geoseg.messages import note
from geoseg.methods.mad import FLOOR, fit_mad
from geoseg.tasks.change.canonical_variates import CanonicalVariates, correlations_note
from geoseg.tasks.change.method import FitSample

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class Irmad(CanonicalVariates):
    """As `mad`, weighted towards unchanged pixels, and calibrated to chi-square."""

    name = "irmad"
    title = "iteratively reweighted multivariate alteration detection"
    citation = "Nielsen 2007, doi:10.1109/TIP.2006.888195"
    preference = 2
    advantage = "gives weight to unchanged pixels"
    # Reweighted, Z is calibrated to chi-square even where most of a scene changed.
    thresholding = ("chi2", "robust", "ki", "otsu")
    # Its background has less noise than that of plain MAD.
    smooth = 3

    def fit(self, sample: FitSample) -> Self:
        """Fit IR-MAD."""
        transform = fit_mad(*sample.pixels(), floor=FLOOR)
        note(LOG, correlations_note(transform))
        return replace(self, transform=transform)
