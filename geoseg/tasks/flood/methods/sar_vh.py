"""Backscatter in VH."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from geoseg.tasks.flood.backscatter_threshold import blind_vh
from geoseg.tasks.flood.method import Image
from geoseg.tasks.flood.radar import Backscatter, backscatter_threshold
from geoseg.tasks.flood.uncalibrated import UncalibratedVh


class SarVh(Backscatter):
    """VH in dB, less roughened by wind than VV."""

    name = "sar-vh"
    title = "VH backscatter"
    measured = "VH dB"
    formula = "VH in dB"
    bands = ("vh",)
    threshold = backscatter_threshold("vh")
    preference = 3
    suits = "radar, no scene before; VH is less roughened by wind"
    fallbacks = ("sar-vv",)

    def blind(self, sample: Mapping[str, Sequence[Image]]) -> str:
        """Return why VV is better: the land is as dark as water in VH."""
        return blind_vh(sample["vh"], sample["vv"], backscatter_threshold("vv")) if "vv" in sample else ""

    def without_unit(self) -> UncalibratedVh:
        """Return the method that finds two modes in the scene."""
        return UncalibratedVh()
