"""Change vector analysis."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from geoseg.methods.change_statistics import change_vector, window_mean
from geoseg.methods.water_index import reflectance_difference
from geoseg.spec import ClassSpec, Units
from geoseg.tasks.change.index_difference import LEAST_INDEX
from geoseg.tasks.change.method import ChangeMethod, ChangeNeeds, FitSample, Image

LEAST_REFLECTANCE = 0.02
"""Reflectance: change of a band that calibration and atmosphere alone can cause."""

BARE_NDVI = 0.2
"""NDVI of bare ground in reflectance (Sobrino 2004, doi:10.1016/j.rse.2004.02.003); 0 for digital numbers."""

LOSS, GAIN, BRIGHTER, DARKER = 1, 2, 3, 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Cva(ChangeMethod):
    """Length of the change vector in the unit of the bands, at least 0.02 reflectance a band."""

    name = "cva"
    title = "change vector analysis"
    measured = "length of the change vector"
    citation = "Malila 1980"
    needs = ChangeNeeds(kind="optical", one_unit=True)
    preference = 3
    normalisation = "irmad"
    directions = (
        ClassSpec(value=LOSS, label="vegetation loss", colour="#d7301f"),
        ClassSpec(value=GAIN, label="vegetation gain", colour="#31a354"),
        ClassSpec(value=BRIGHTER, label="brighter", colour="#f2c14e"),
        ClassSpec(value=DARKER, label="darker", colour="#54278f"),
    )

    names: tuple[str, ...] = ()
    """Of the compared bands."""
    bare_ndvi: float = 0.0
    """NDVI up to which ground has no vegetation."""

    def fit(self, sample: FitSample) -> Self:
        """Set the names of the bands, and the NDVI of bare ground in their unit."""
        bare = BARE_NDVI if sample.units == {"reflectance"} else 0.0
        return replace(self, names=sample.bands, bare_ndvi=bare)

    def measure(self, before: Image, after: Image, radius: int) -> Image:
        """Return the length of the change vector (H, W), averaged over a window."""
        return window_mean(change_vector(before, after), radius)

    def direction(self, before: Image, after: Image, radius: int) -> Image:
        """Return vegetation loss or gain, else brighter or darker (H, W).

        NDVI is limited to at least that of bare ground, so that water and bare ground are equal.
        """
        names, dates = self.names, (before, after)
        visible = [names.index(name) for name in ("blue", "green", "red") if name in names]
        bright = [window_mean(date[visible or slice(len(names))].mean(axis=0), radius) for date in dates]
        turned = np.where(bright[1] >= bright[0], np.float32(BRIGHTER), np.float32(DARKER))
        if not {"nir", "red"} <= set(names):
            return turned
        nir, red = names.index("nir"), names.index("red")
        first, second = (
            np.fmax(
                window_mean(reflectance_difference(date[nir], date[red]), radius), np.float32(self.bare_ndvi)
            )
            for date in dates
        )
        turned[second - first < -LEAST_INDEX] = LOSS
        turned[second - first > LEAST_INDEX] = GAIN
        return turned

    def threshold_limits(self, bands: int, units: set[Units]) -> tuple[float, float]:
        """Return the limits: of reflectance, at least the effect of calibration and atmosphere."""
        return (LEAST_REFLECTANCE * float(np.sqrt(bands)) if units == {"reflectance"} else 0.0), np.inf
