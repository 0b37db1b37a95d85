"""The log-ratio of backscatter."""

from __future__ import annotations

import math
from collections.abc import Sequence

from geoseg.methods.flood_change import LOG_RATIO_FALLBACK, log_ratio
from geoseg.tasks.flood.method import Bands, Measure, Threshold
from geoseg.tasks.flood.radar import OPEN_WATER_CEILING, BackscatterChange

DB = math.log(10) / 10
"""One decibel as a log-ratio."""


class Logratio(BackscatterChange):
    """Ratio of power after to power before, on ground now as dark as open water."""

    name = "logratio"
    title = "log-ratio of backscatter"
    measured = "ln(after / before)"
    formula = "ln(after / before) of power; −0.69 is a fall of 3 dB"
    citation = "Bazi 2005, doi:10.1109/TGRS.2004.842441"
    threshold = Threshold(
        fixed=LOG_RATIO_FALLBACK,
        water_below=True,
        guard=(-10 * DB, -1.5 * DB),
        limits=(-5.0, 5.0),
        scale=0.5 * DB,
    )
    preference = 2
    suits = "radar with one scene before"
    ceiling_db = OPEN_WATER_CEILING

    def measure(self, scenes: Sequence[Bands]) -> Measure:
        """Return ln(after / before)."""
        return log_ratio(scenes[0][0], scenes[1][0])
