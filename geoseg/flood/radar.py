"""What radar methods share: speckle filters, absolute backscatter, and its change between dates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar, Literal

import numpy as np

from geoseg.flood.method import Bands, Measure, Needs, Smoothing, Threshold, WaterMethod
from geoseg.methods import sar
from geoseg.methods.sar_water import DB_LIMITS, GUARD, INITIAL
from geoseg.methods.speckle_filter import SPECKLE_RADIUS, Speckle, filter_speckle

LOOKS_BLOCKS = 16
"""Blocks of a sample that the number of looks is estimated from."""


class Radar(WaterMethod):
    """A method that measures dB after the speckle filter."""

    needs: ClassVar[Needs] = Needs(kind="sar")

    def smoothing(
        self,
        speckle: Speckle,
        sample: Sequence[Bands],
        pixel_size_m: tuple[float, float],  # noqa: ARG002 - speckle has no size in m
    ) -> Smoothing | None:
        """Return the speckle filter, with the number of looks of the sample."""
        if speckle == "none":
            return None
        looks = _looks(sample) if speckle == "refined-lee" else 1.0
        return Smoothing(
            apply=partial(filter_speckle, speckle=speckle, looks=looks),
            margin=SPECKLE_RADIUS[speckle],
            text=f"{speckle} speckle filter",
            note=f"refined Lee filter, {looks:g} looks estimated" if speckle == "refined-lee" else "",
        )


def _looks(sample: Sequence[Bands]) -> float:
    """Equivalent number of looks: the median over blocks of the clearest polarisation."""
    found = [
        float(np.median([sar.equivalent_looks(sar.to_power(image)) for image in images]))
        for images in zip(*sample[:LOOKS_BLOCKS], strict=True)
    ]
    return round(max(found), 2)


class Backscatter(Radar):
    """Absolute backscatter of one polarisation; calm water is dark."""

    citation: ClassVar[str] = "Twele 2016, doi:10.1080/01431161.2016.1192304"

    def measure(self, scenes: Sequence[Bands]) -> Measure:
        """Return dB as filtered."""
        return scenes[0][0]


def backscatter_threshold(polarisation: Literal["vv", "vh"]) -> Threshold:
    """Return the threshold in dB of one polarisation at C band."""
    return Threshold(
        fixed=INITIAL[polarisation],
        water_below=True,
        guard=GUARD[polarisation],
        limits=DB_LIMITS,
        scale=1.0,
        grow=1.0,
    )


class BackscatterChange(Radar):
    """A change of backscatter since one earlier scene or several, of the same orbit."""

    bands: ClassVar[tuple[str, ...]] = ("vh", "vv")
    bands_used: ClassVar[Literal["all", "first", "each"]] = "first"
    needs: ClassVar[Needs] = Needs(kind="sar", scenes_before=1)
    notes: ClassVar[tuple[str, ...]] = ("scenes of one relative orbit and pass direction are assumed",)
    open_water_db: ClassVar[Mapping[str, float]] = INITIAL


OPEN_WATER_CEILING: Mapping[str, float] = {band: highest for band, (_, highest) in GUARD.items()}
"""dB that open water does not exceed: harvest and drying darken ground too, but not to this level."""
