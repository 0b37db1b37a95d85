"""The automated water extraction index for scenes without shadow."""

from __future__ import annotations

from collections.abc import Sequence

from geoseg.methods.water_index import awei_nsh
from geoseg.tasks.flood.method import Bands, Measure, WaterNeeds
from geoseg.tasks.flood.optical import OpticalIndex, index_threshold


class AweiNsh(OpticalIndex):
    """A weighted sum of reflectance that is above 0 for water; shadow may be above 0 too."""

    name = "awei-nsh"
    title = "AWEI without shadow"
    measured = "AWEI_NSH"
    formula = "4 (G − SWIR1) − (0.25 NIR + 2.75 SWIR2)"
    citation = "Feyisa 2014, doi:10.1016/j.rse.2013.08.029"
    bands = ("green", "nir", "swir16", "swir22")
    needs = WaterNeeds(kind="optical", reflectance=True)
    threshold = index_threshold(shore=-0.45, widest=2.0)

    def measure(self, scenes: Sequence[Bands]) -> Measure:
        """Return AWEI_NSH."""
        return awei_nsh(*scenes[0])
