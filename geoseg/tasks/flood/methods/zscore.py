"""The z-score of backscatter among earlier scenes."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from geoseg.messages import warn
from geoseg.methods.flood_change import ENOUGH_SCENES, LEAST_SCENES, Z_THRESHOLD, z_score
from geoseg.tasks.flood.method import Bands, Measure, Threshold, WaterNeeds
from geoseg.tasks.flood.radar import OPEN_WATER_CEILING, BackscatterChange

LOG = logging.getLogger(__name__)

LEAST_STD_DB = 0.5
"""dB: the radiometric stability of Sentinel-1, below which no standard deviation is estimated."""


class Zscore(BackscatterChange):
    """Standard deviations below the mean of a pixel, on ground now as dark as open water."""

    name = "zscore"
    title = "z-score of backscatter"
    measured = "standard deviations from the mean before"
    formula = "(after − mean before) / standard deviation before"
    citation = "DeVries 2020, doi:10.1016/j.rse.2020.111664"
    bands_used = "each"
    needs = WaterNeeds(kind="sar", scenes_before=LEAST_SCENES, all_before=True)
    threshold = Threshold(
        fixed=Z_THRESHOLD,
        water_below=True,
        from_scene=False,
        guard=(-10.0, -1.0),
        limits=(-20.0, 20.0),
        scale=0.5,
    )
    preference = 1
    suits = "radar with two or more scenes before"
    ceiling_db = OPEN_WATER_CEILING

    def measure(self, scenes: Sequence[Bands]) -> Measure:
        """Return the z-score."""
        now, *before = (bands[0] for bands in scenes)
        return z_score(now, np.stack(before), LEAST_STD_DB)

    def warn_of_limits(self, scenes_before: int, pixel_size_m: tuple[float, float]) -> None:  # noqa: ARG002
        """Warn of a standard deviation from few scenes."""
        if scenes_before < ENOUGH_SCENES:
            warn(
                LOG,
                "few-scenes-before",
                f"zscore: {scenes_before} scenes before give a poor standard deviation; "
                f"add scenes of the same relative orbit ({ENOUGH_SCENES} or more)",
            )
