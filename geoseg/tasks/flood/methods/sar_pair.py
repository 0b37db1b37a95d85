"""Two radar dates in values without a unit, such as 8-bit pictures that were stretched one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from geoseg.methods import sar
from geoseg.methods.speckle_filter import Speckle
from geoseg.tasks.flood.method import Bands, Image, Measure, Smoothing, Threshold, WaterNeeds
from geoseg.tasks.flood.radar import BackscatterChange

PERCENTILES = (1.0, 90.0, 99.0)
"""Of a date: the 90th is bright land, which a flood does not move; the others give the range."""
RANGE = 4.5
"""Normalised values between the 1st and the 99th percentile."""
LEAST_FALL = 0.3
"""Mean fall between the dates, in normalised values, from which dark ground around a pixel is flooded."""
AROUND = 20
"""Pixels to each side of a pixel over which the fall of dark ground is averaged."""
PICTURE_ENDS = (0.0, 255.0)
"""Values of 8-bit pictures that are fill or saturated."""


@dataclass(frozen=True)
class SarPair(BackscatterChange):
    """Dark by the Otsu threshold of the scene and darker than before, each date by its own percentiles.

    Half the pixels of lasting water are a little darker than before by chance. Where dark ground that is
    darker than before is so by little on average, over 41 x 41 pixels, it is such water.
    """

    origins: tuple[tuple[float, float], ...] = ((0.0, 1.0), (0.0, 1.0))
    """Stored value of bright land and unit of each date, measured on a sample of the scene."""
    ends: tuple[float, ...] = ()
    """Values that are fill or saturated."""

    name: ClassVar[str] = "sar-pair"
    title: ClassVar[str] = "relative backscatter of two dates"
    measured: ClassVar[str] = "brightness below bright land"
    formula: ClassVar[str] = (
        "4.5 (after − P90) / (P99 − P1), where lower than the same of before, on average by 0.3 over 41 × 41 "
        "pixels"
    )
    citation: ClassVar[str] = "Otsu 1979, doi:10.1109/TSMC.1979.4310076"
    bands: ClassVar[tuple[str, ...]] = ("vv", "vh")
    needs: ClassVar[WaterNeeds] = WaterNeeds(kind="sar", scenes_before=1, unitless=True)
    threshold: ClassVar[Threshold] = Threshold(
        fixed=-2.2, water_below=True, algorithm="otsu", guard=(-6.0, 3.0), limits=(-6.0, 3.0), scale=0.3
    )
    preference: ClassVar[float] = 2
    suits: ClassVar[str] = "radar values without a unit, with one scene before"
    open_water_db: ClassVar[Mapping[str, float]] = MappingProxyType({})
    margin: ClassVar[int] = AROUND

    def fitted(self, sample: Sequence[Sequence[Bands]]) -> SarPair:
        """Return the method with the percentiles of each date."""
        dates = [
            np.concatenate([block[date][0][np.isfinite(block[date][0])] for block in sample])
            for date in range(2)
        ]
        low, high = PICTURE_ENDS
        picture = all(date.size and date.min() >= low and date.max() <= high for date in dates)
        ends = PICTURE_ENDS if picture else ()
        return SarPair(origins=tuple(_origin(date[~np.isin(date, ends)]) for date in dates), ends=ends)

    def smoothing(
        self,
        speckle: Speckle,
        sample: Sequence[Bands],  # noqa: ARG002 - a plain mean estimates nothing
        pixel_size_m: tuple[float, float],  # noqa: ARG002
    ) -> Smoothing | None:
        """Return the mean of 5 × 5 stored values, which may be logarithms: power is not known."""
        if speckle == "none":
            return None
        return Smoothing(apply=self._mean, margin=sar.BOXCAR_RADIUS, text="5 x 5 mean of the stored values")

    def measure(self, scenes: Sequence[Bands]) -> Measure:
        """Return the normalised values of the scene."""
        return self._normalised(scenes, 0)

    def water_before(self, scenes: Sequence[Bands], threshold: float) -> NDArray[np.bool_]:
        """Return where the scene is not darker than before, or dark ground around is so by little."""
        now = self._normalised(scenes, 0)
        fall = self._normalised(scenes, 1) - now
        flooded = (fall > 0) & (now < threshold)
        if flooded.any():
            mean = sar.boxcar(np.where(flooded, fall, np.float32(np.nan)), AROUND)
            # NaN, which is not flooded, compares as false.
            flooded = mean > LEAST_FALL
        return np.asarray(~flooded)

    def _normalised(self, scenes: Sequence[Bands], date: int) -> Image:
        land, unit = self.origins[date]
        return np.asarray((scenes[date][0] - np.float32(land)) / np.float32(unit), np.float32)

    def _mean(self, image: Image) -> Image:
        """Return the mean of 5 × 5 pixels, without fill; NaN at fill."""
        seen = np.where(np.isin(image, self.ends), np.float32(np.nan), image) if self.ends else image
        return sar.boxcar(seen)


def _origin(values: NDArray[np.float32]) -> tuple[float, float]:
    """Return bright land and unit of one date."""
    if not values.size:
        return 0.0, 1.0
    low, land, high = np.percentile(values, PERCENTILES)
    return float(land), float(high - low) / RANGE or 1.0
