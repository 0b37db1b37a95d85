"""Backscatter in VV."""

from __future__ import annotations

from geoseg.tasks.flood.radar import Backscatter, backscatter_threshold
from geoseg.tasks.flood.uncalibrated import UncalibratedVv


class SarVv(Backscatter):
    """VV in dB."""

    name = "sar-vv"
    title = "VV backscatter"
    measured = "VV dB"
    formula = "VV in dB"
    bands = ("vv",)
    threshold = backscatter_threshold("vv")
    preference = 4
    suits = "radar without VH (or `--polarisation vv`), no scene before"

    def without_unit(self) -> UncalibratedVv:
        """Return the method that finds two modes in the scene."""
        return UncalibratedVv()
