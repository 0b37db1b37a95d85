"""Base classes of water indices of optical bands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from geoseg.flood.method import Bands, Measure, Threshold, WaterMethod, WaterNeeds
from geoseg.methods.cloud import WATER_NIR
from geoseg.methods.water_index import reflectance_difference


class OpticalIndex(WaterMethod):
    """An index above 0 for water; subclasses set its bands and compute it."""

    needs: ClassVar[WaterNeeds] = WaterNeeds(kind="optical")
    nir_limit: ClassVar[float | None] = WATER_NIR


class NormalisedDifference(OpticalIndex):
    """The difference of two bands over their sum; a factor common to both has no effect."""

    def measure(self, scenes: Sequence[Bands]) -> Measure:
        """Return the normalised difference, -1..1."""
        return reflectance_difference(*scenes[0])


def index_threshold(*, lowest: float, widest: float = 1.0) -> Threshold:
    """Return the threshold of an index, 0 where the scene shows no two classes.

    Args:
        lowest: least threshold that `auto` may find.
        widest: greatest absolute value of the index; a threshold by another algorithm may lie up to half of
            it from 0.
    """
    return Threshold(
        fixed=0.0,
        water_below=False,
        guard=(lowest, 0.1),
        bounds=(-widest / 2, widest / 2),
        # The index of water varies widely and shifts the threshold, but water lies above 0 and land below.
        between=0.0,
        limits=(-widest, widest),
        scale=0.1,
    )
