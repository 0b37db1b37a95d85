"""Base classes of radar methods: speckle filter, absolute backscatter, change of backscatter."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar, Literal

import numpy as np

from geoseg.messages import note
from geoseg.methods import sar
from geoseg.methods.backscatter_classes import USUAL_LEVELS
from geoseg.methods.sar_water import DB_LIMITS, GUARD, INITIAL
from geoseg.methods.speckle_filter import SPECKLE_RADIUS, Speckle, filter_speckle
from geoseg.tasks.flood.backscatter_threshold import blind_vh, open_water_level
from geoseg.tasks.flood.method import Bands, Image, Measure, Smoothing, Threshold, WaterMethod, WaterNeeds

LOG = logging.getLogger(__name__)

LOOKS_BLOCKS = 16
"""Blocks of the sample from which the number of looks is estimated."""


class Radar(WaterMethod):
    """A method whose measure is of dB after the speckle filter."""

    needs: ClassVar[WaterNeeds] = WaterNeeds(kind="sar")
    excess: ClassVar[float] = 1.0
    """Variance of a window, in variances of speckle, up to which refined Lee takes it for speckle alone."""

    def smoothing(
        self,
        speckle: Speckle,
        sample: Sequence[Bands],
        pixel_size_m: tuple[float, float],  # noqa: ARG002 - speckle has no size in m
    ) -> Smoothing | None:
        """Return the speckle filter, with the number of looks of the sample."""
        if speckle == "none":
            return None
        looks = 1.0
        if speckle == "refined-lee":
            looks = _looks(sample)
            note(LOG, f"refined Lee filter, {looks:g} looks estimated")
        return Smoothing(
            apply=partial(filter_speckle, speckle=speckle, looks=looks / self.excess),
            margin=SPECKLE_RADIUS[speckle],
            text=f"{speckle} speckle filter",
        )


def _looks(sample: Sequence[Bands]) -> float:
    """Return the equivalent number of looks: the median over blocks, of the polarisation with most."""
    found = [
        float(np.median([sar.equivalent_looks(sar.to_power(image)) for image in images]))
        for images in zip(*sample[:LOOKS_BLOCKS], strict=True)
    ]
    return round(max(found), 2)


class Backscatter(Radar):
    """Absolute backscatter of one polarisation; calm water is dark."""

    citation: ClassVar[str] = "Twele 2016, doi:10.1080/01431161.2016.1192304"
    excess: ClassVar[float] = 2.0
    """The variance of the 28 pixels of a half window exceeds that of speckle by up to two thirds (95 %), and
    the number of looks is estimated a fifth too high: below twice the variance there is no texture."""

    def measure(self, scenes: Sequence[Bands]) -> Measure:
        """Return filtered dB."""
        return scenes[0][0]


def backscatter_threshold(polarisation: str) -> Threshold:
    """Return the threshold in dB of one polarisation at C band."""
    return Threshold(
        fixed=INITIAL[polarisation],
        water_below=True,
        guard=GUARD[polarisation],
        limits=DB_LIMITS,
        scale=1.0,
        usual=USUAL_LEVELS[polarisation],
    )


class BackscatterChange(Radar):
    """A change of backscatter since one or more earlier scenes of the same relative orbit."""

    bands: ClassVar[tuple[str, ...]] = ("vh", "vv", "hh", "hv")
    bands_used: ClassVar[Literal["all", "first", "each"]] = "first"
    needs: ClassVar[WaterNeeds] = WaterNeeds(kind="sar", scenes_before=1)
    notes: ClassVar[tuple[str, ...]] = ("scenes of one relative orbit and pass direction are assumed",)

    def blind(self, sample: Mapping[str, Sequence[Image]]) -> str:
        """Return why VV is better: a flood hardly darkens land that is as dark as water in VH."""
        if not {"vh", "vv"} <= set(sample):
            return ""
        return blind_vh(sample["vh"], sample["vv"], backscatter_threshold("vv"))

    def open_water(self, sample: Mapping[str, Sequence[Image]]) -> tuple[str, float] | None:
        """Return VV where VH shows land as dark as water, else the first band, and the level of the scene.

        Land may be as dark as a usual threshold: dry sand, smooth bare ground, or another calibration.
        """
        means = {
            band: [filter_speckle(image, "boxcar", looks=1) for image in images]
            for band, images in sample.items()
        }
        band = "vv" if self.blind(means) else next(iter(means))
        return band, open_water_level(means[band], backscatter_threshold(band), USUAL_LEVELS[band])


OPEN_WATER_CEILING: Mapping[str, float] = {band: highest for band, (_, highest) in GUARD.items()}
"""dB that open water does not exceed; harvested or dry ground is brighter."""
