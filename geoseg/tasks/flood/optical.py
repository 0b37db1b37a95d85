"""Base classes of water indices of optical bands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from geoseg.methods.cloud import WATER_NIR
from geoseg.methods.water_index import reflectance_difference
from geoseg.tasks.flood.method import Bands, Measure, Threshold, WaterMethod, WaterNeeds


class OpticalIndex(WaterMethod):
    """An index above 0 for water; subclasses set its bands and compute it."""

    needs: ClassVar[WaterNeeds] = WaterNeeds(kind="optical")
    nir_limit: ClassVar[float | None] = WATER_NIR


class NormalisedDifference(OpticalIndex):
    """The difference of two bands over their sum; a factor common to both has no effect."""

    def measure(self, scenes: Sequence[Bands]) -> Measure:
        """Return the normalised difference, -1..1."""
        return reflectance_difference(*scenes[0])


def index_threshold(*, shore: float | None = None, widest: float = 1.0, scale: float = 0.1) -> Threshold:
    """Return the threshold of an index, 0 in every scene: scenes of land or water alone are mapped, too.

    A threshold from the scene was not better on labelled scenes: pixels at the shore, which have a mixed
    spectrum, matter most, and the minimum-error threshold of pure pixels does not consider them.

    Args:
        shore: index of a pixel that is half clear water and half vegetation, the threshold next to open
            water; None: the threshold is the same everywhere.
        widest: greatest absolute value of the index; a threshold by another algorithm may lie up to half of
            it from 0.
        scale: distance from the threshold at which the score is 0.73.
    """
    return Threshold(
        fixed=0.0,
        water_below=False,
        from_scene=False,
        guard=(-widest / 2, widest / 2),
        limits=(-widest, widest),
        scale=scale,
        shore=shore,
    )
