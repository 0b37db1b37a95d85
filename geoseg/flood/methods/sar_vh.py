"""Backscatter in VH."""

from __future__ import annotations

from geoseg.flood.radar import Backscatter, backscatter_threshold


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
