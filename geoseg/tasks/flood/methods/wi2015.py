"""The water index of 2015."""

from __future__ import annotations

from collections.abc import Sequence

from geoseg.methods.water_index import wi2015
from geoseg.tasks.flood.method import Bands, Measure, WaterNeeds
from geoseg.tasks.flood.optical import OpticalIndex, index_threshold


class Wi2015(OpticalIndex):
    """A weighted sum of reflectance that separates water from land by a discriminant of Landsat spectra."""

    name = "wi2015"
    title = "water index 2015"
    measured = "WI2015"
    formula = "1.72 + 171 G + 3 R − 70 NIR − 45 SWIR1 − 71 SWIR2"
    citation = "Fisher 2016, doi:10.1016/j.rse.2015.12.055"
    bands = ("green", "red", "nir", "swir16", "swir22")
    needs = WaterNeeds(kind="optical", reflectance=True)
    threshold = index_threshold(shore=-8.0, widest=60.0, scale=4.0)
    preference = 0
    suits = "optical reflectance with green, red, NIR and two SWIR bands"

    def measure(self, scenes: Sequence[Bands]) -> Measure:
        """Return WI2015."""
        return wi2015(*scenes[0])
