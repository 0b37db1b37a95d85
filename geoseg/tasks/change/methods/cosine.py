"""Cosine distance of the vectors of embeddings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geoseg.methods.change_statistics import window_mean
from geoseg.methods.cosine_similarity import cosine_similarity
from geoseg.spec import Units
from geoseg.tasks.change.method import ChangeMethod, ChangeNeeds, Image

LEAST = 1e-3
"""Least threshold, an angle of 2.6°: rounding to 8 bits turns vectors by as much, to floats by less."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cosine(ChangeMethod):
    """One minus the cosine of the angle between the vectors of both dates, 0 to 2; for embeddings only."""

    name = "cosine"
    title = "cosine distance of embeddings"
    measured = "cosine distance"
    citation = "Brown et al. 2025, arXiv:2507.22291"
    needs = ChangeNeeds(kind="embedding", least_bands=2)
    preference = 1
    smooth = 1

    def threshold_limits(self, bands: int, units: set[Units]) -> tuple[float, float]:  # noqa: ARG002
        """Return the limits: at least the effect of rounding."""
        return LEAST, 2.0

    def measure(self, before: Image, after: Image, radius: int) -> Image:
        """Return the cosine distance (H, W), averaged over a window."""
        return window_mean(np.float32(1) - cosine_similarity(before, after), radius)
