"""Backscatter in HV."""

from __future__ import annotations

from geoseg.tasks.flood.radar import Backscatter, backscatter_threshold
from geoseg.tasks.flood.uncalibrated import UncalibratedHv


class SarHv(Backscatter):
    """HV in dB, with the usual levels of VH."""

    name = "sar-hv"
    title = "HV backscatter"
    measured = "HV dB"
    formula = "HV in dB"
    bands = ("hv",)
    threshold = backscatter_threshold("hv")
    preference = 6
    suits = "radar with HV alone (or `--polarisation hv`), no scene before"

    def without_unit(self) -> UncalibratedHv:
        """Return the method that finds two modes in the scene."""
        return UncalibratedHv()
