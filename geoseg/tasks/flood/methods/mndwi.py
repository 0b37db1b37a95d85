"""The modified normalised difference water index."""

from __future__ import annotations

from geoseg.tasks.flood.optical import NormalisedDifference, index_threshold


class Mndwi(NormalisedDifference):
    """Green against short-wave infrared, which separates water from built-up land."""

    name = "mndwi"
    title = "modified NDWI"
    measured = "MNDWI"
    formula = "(G − SWIR1) / (G + SWIR1)"
    citation = "Xu 2006, doi:10.1080/01431160600589179"
    bands = ("green", "swir16")
    threshold = index_threshold(shore=-0.3)
    preference = 1
    suits = "optical with green and SWIR, other bands or values, or a low sun"
