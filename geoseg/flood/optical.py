"""What water indices of optical bands share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from geoseg.flood.method import Bands, Measure, Needs, Threshold, WaterMethod
from geoseg.methods.cloud import WATER_NIR
from geoseg.methods.water_index import reflectance_difference


class OpticalIndex(WaterMethod):
    """An index that is above 0 for water; subclasses name its bands and measure it."""

    needs: ClassVar[Needs] = Needs(kind="optical")
    nir_limit: ClassVar[float | None] = WATER_NIR


class NormalisedDifference(OpticalIndex):
    """The difference of two bands over their sum; a common factor of both has no effect."""

    def measure(self, scenes: Sequence[Bands]) -> Measure:
        """Return the normalised difference, -1..1."""
        return reflectance_difference(*scenes[0])


def index_threshold(*, lowest: float, widest: float = 1.0) -> Threshold:
    """Return the threshold of an index, 0 where the scene shows none.

    Args:
        lowest: least threshold found by `auto` that is believed.
        widest: greatest absolute value of the index; clear water may be cut far from 0, but not beyond half
            of it.
    """
    return Threshold(
        fixed=0.0,
        water_below=False,
        guard=(lowest, 0.1),
        bounds=(-widest / 2, widest / 2),
        # Indices of water spread widely and pull the cut about, but water lies above 0 and land below.
        between=0.0,
        limits=(-widest, widest),
        scale=0.1,
    )
