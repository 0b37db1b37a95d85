"""The automated water extraction index for scenes with shadow."""

from __future__ import annotations

from collections.abc import Sequence

from geoseg.methods.water_index import awei_sh
from geoseg.tasks.flood.method import Bands, Measure, WaterNeeds
from geoseg.tasks.flood.optical import OpticalIndex, index_threshold


class AweiSh(OpticalIndex):
    """A weighted sum of reflectance that keeps shadow below 0; snow and bare roofs may be above it."""

    name = "awei-sh"
    title = "AWEI with shadow"
    measured = "AWEI_SH"
    formula = "B + 2.5 G − 1.5 (NIR + SWIR1) − 0.25 SWIR2"
    citation = "Feyisa 2014, doi:10.1016/j.rse.2013.08.029"
    bands = ("blue", "green", "nir", "swir16", "swir22")
    needs = WaterNeeds(kind="optical", reflectance=True)
    threshold = index_threshold(shore=-0.2, widest=2.0)

    def measure(self, scenes: Sequence[Bands]) -> Measure:
        """Return AWEI_SH."""
        return awei_sh(*scenes[0])
