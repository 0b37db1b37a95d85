"""Backscatter in HH."""

from __future__ import annotations

from geoseg.tasks.flood.radar import Backscatter, backscatter_threshold
from geoseg.tasks.flood.uncalibrated import UncalibratedHh


class SarHh(Backscatter):
    """HH in dB, with the usual levels of VV."""

    name = "sar-hh"
    title = "HH backscatter"
    measured = "HH dB"
    formula = "HH in dB"
    bands = ("hh",)
    threshold = backscatter_threshold("hh")
    preference = 5
    suits = "radar without VV and VH, no scene before"

    def without_unit(self) -> UncalibratedHh:
        """Return the method that finds two modes in the scene."""
        return UncalibratedHh()
