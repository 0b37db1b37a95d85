"""The recommended practice of UN-SPIDER for flood mapping by Sentinel-1, as in its published script."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from functools import partial

from geoseg.errors import SceneError
from geoseg.messages import warn
from geoseg.methods import sar
from geoseg.methods.flood_change import (
    UN_SPIDER_LEAST_PIXELS,
    UN_SPIDER_QUOTIENT,
    UN_SPIDER_RADIUS_M,
    un_spider,
)
from geoseg.methods.speckle_filter import Speckle
from geoseg.tasks.flood.method import Bands, Measure, Smoothing, Threshold
from geoseg.tasks.flood.radar import BackscatterChange

LOG = logging.getLogger(__name__)

GREATEST_RADIUS = 100
"""Pixels of the greatest focal mean."""
ASSUMED_PIXEL_M = 10.0


class Unspider(BackscatterChange):
    """Quotient of two negative dB values after a focal mean of 50 m; regions of at least 8 pixels."""

    name = "unspider"
    title = "UN-SPIDER recommended practice"
    measured = "after dB / before dB"
    formula = "after dB / before dB, a quotient"
    citation = "UN-SPIDER recommended practice, Flood Mapping and Damage Assessment using Sentinel-1"
    threshold = Threshold(
        fixed=UN_SPIDER_QUOTIENT,
        water_below=False,
        from_scene=False,
        guard=(1.0, 2.0),
        limits=(0.0, 4.0),
        scale=0.05,
    )
    notes = (
        *BackscatterChange.notes,
        f"regions below {UN_SPIDER_LEAST_PIXELS} pixels are left out; a slope of 5 means degrees",
    )
    least_pixels = UN_SPIDER_LEAST_PIXELS
    # The recommended practice removes the reference layer from flood, and no other water.
    flood_over_water = True

    def measure(self, scenes: Sequence[Bands]) -> Measure:
        """Return the quotient, NaN where either value is 0 dB or more."""
        return un_spider(scenes[0][0], scenes[1][0])

    def smoothing(
        self,
        speckle: Speckle,  # noqa: ARG002 - the practice has its own filter
        sample: Sequence[Bands],  # noqa: ARG002
        pixel_size_m: tuple[float, float],
    ) -> Smoothing:
        """Return the focal mean of 50 m."""
        down, right = (ASSUMED_PIXEL_M if math.isnan(size) else size for size in pixel_size_m)
        radius = UN_SPIDER_RADIUS_M / down, UN_SPIDER_RADIUS_M / right
        if max(radius) > GREATEST_RADIUS:
            raise SceneError(
                f"{self.name} averages over {UN_SPIDER_RADIUS_M:g} m, {max(radius):.0f} pixels here: "
                "resample the scene to 10 m, or use logratio"
            )
        return Smoothing(apply=partial(sar.focal_mean, radius=radius), margin=int(max(radius)))

    def warn_of_limits(self, scenes_before: int, pixel_size_m: tuple[float, float]) -> None:  # noqa: ARG002
        """Warn of an assumed pixel size."""
        if math.isnan(pixel_size_m[0]):
            warn(
                LOG,
                "pixel-size-assumed",
                f"the pixel size is unknown: {ASSUMED_PIXEL_M:g} m is assumed for the "
                f"{UN_SPIDER_RADIUS_M:g} m focal mean",
            )
