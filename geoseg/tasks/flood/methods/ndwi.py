"""The normalised difference water index."""

from __future__ import annotations

import logging

from geoseg.messages import warn
from geoseg.tasks.flood.optical import NormalisedDifference, index_threshold

LOG = logging.getLogger(__name__)


class Ndwi(NormalisedDifference):
    """Green against near infrared; built-up land is hard to separate from water."""

    name = "ndwi"
    title = "normalised difference water index"
    measured = "NDWI"
    formula = "(G − NIR) / (G + NIR)"
    citation = "McFeeters 1996, doi:10.1080/01431169608948714"
    bands = ("green", "nir")
    # Built-up land and soil lie just below 0 (Xu 2006): at the level of vegetation they would be shores.
    threshold = index_threshold(shore=-0.2)
    preference = 2
    suits = "optical with green and NIR but no SWIR"

    def warn_of_limits(self, scenes_before: int, pixel_size_m: tuple[float, float]) -> None:  # noqa: ARG002
        """Warn of built-up land."""
        warn(
            LOG,
            "ndwi-built-up",
            "NDWI maps bright roofs and bare ground in towns as water; MNDWI separates them, where the scene "
            "has a SWIR band. Check built-up areas",
        )
