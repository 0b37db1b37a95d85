"""Two radar dates in values without a unit, such as 8-bit pictures that were stretched one by one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from geoseg.methods import sar
from geoseg.methods.speckle_filter import Speckle
from geoseg.methods.thresholds import bmax, histogram, otsu
from geoseg.tasks.flood.method import Bands, Image, Measure, Smoothing, Threshold, WaterNeeds
from geoseg.tasks.flood.radar import BackscatterChange
from geoseg.tasks.flood.threshold import TWO_CLASSES

ENDS = (1.0, 99.0)
"""Percentiles of a date that give its range."""
RANGE = 4.5
"""Normalised values between them."""
LAND = 60.0
"""Percentile of the land of a date that is its level."""
CLEAR = 2 / math.pi
"""Share of variance between the classes of Otsu above which they are two: that of one normal distribution."""
LEAST_LAND = 0.01
"""Share of a sample that must be land of both dates."""
BLOCK = 2 * sar.BOXCAR_RADIUS + 1
"""Side of the squares of the sample that are averaged, as windows of the map are."""
LASTING, LASTING_ALONE = -1.5, -2.0
"""Normalised values below which ground that is dark on both dates is water: where Otsu's classes of the later
date are clear (`TWO_CLASSES`), and where dark ground may be the dark part of land."""
GREATEST_RISE = 0.5
"""Rise, in normalised values, of a flooded pixel, by chance or because it was dark before."""
LEAST_FALL = 0.3
"""Mean fall between the dates, in normalised values, from which dark ground around a pixel is flooded."""
AROUND = 20
"""Pixels to each side of a pixel over which the fall of dark ground is averaged."""
PICTURE_ENDS = (0.0, 255.0)
"""Values of 8-bit pictures that are fill or saturated."""


@dataclass(frozen=True)
class SarPair(BackscatterChange):
    """Dark by the threshold of the scene, and darker than before relative to ground that stayed land.

    Each date has a stretch of its own, and a flood changes it. Ground that is bright on both dates, or bright
    on the later one where that shows two clear classes, is land whatever the share of flood. Its level is
    taken for the same on both dates. The unit of the earlier date follows from its range and from its spread
    over land, each relative to the later date; their geometric mean is used.

    Half the pixels of lasting water are a little darker than before by chance, and some flooded ground was as
    dark before. Where dark ground fell by little on average, over 41 x 41 pixels, it is no flood.
    """

    origins: tuple[tuple[float, float], ...] = ((0.0, 1.0), (0.0, 1.0))
    """Stored value of land and unit of each date, measured on a sample of the scene."""
    ends: tuple[float, ...] = ()
    """Values that are fill or saturated."""
    lasting: float = LASTING_ALONE
    """Normalised value of both dates below which unchanged ground is water."""

    name: ClassVar[str] = "sar-pair"
    title: ClassVar[str] = "relative backscatter of two dates"
    measured: ClassVar[str] = "brightness relative to land"
    formula: ClassVar[str] = (
        "4.5 (after − land) / (P99 − P1), where on average over 41 × 41 pixels lower by 0.3 than the same of "
        "before"
    )
    citation: ClassVar[str] = "Otsu 1979, doi:10.1109/TSMC.1979.4310076"
    bands: ClassVar[tuple[str, ...]] = ("vv", "vh", "hh", "hv")
    needs: ClassVar[WaterNeeds] = WaterNeeds(kind="sar", scenes_before=1, unitless=True)
    threshold: ClassVar[Threshold] = Threshold(
        fixed=-1.5,
        water_below=True,
        algorithm="otsu",
        guard=(-6.0, 3.0),
        limits=(-6.0, 3.0),
        scale=0.3,
        shift=3.0,
    )
    preference: ClassVar[float] = 2
    suits: ClassVar[str] = "radar values without a unit, with one scene before"
    margin: ClassVar[int] = AROUND

    def fitted(self, sample: Sequence[Sequence[Bands]]) -> SarPair:
        """Return the method with the level and the unit of each date."""
        low, high = PICTURE_ENDS
        images = [block[date][0] for block in sample for date in range(2)]
        picture = all(
            np.nanmin(image) >= low and np.nanmax(image) <= high for image in images if _seen(image)
        )
        method = SarPair(ends=PICTURE_ENDS if picture else ())
        pairs = [np.stack([method._squares(block[date][0]) for date in range(2)]) for block in sample]
        dates = np.concatenate([pair.reshape(2, -1) for pair in pairs], axis=1)
        after, before = dates[:, np.isfinite(dates).all(axis=0)]
        if not after.size:
            return method
        clarity = bmax(histogram(after))
        return replace(
            method,
            origins=_origins(after, before, two_classes=clarity > CLEAR),
            lasting=LASTING if clarity > TWO_CLASSES else LASTING_ALONE,
        )

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

    def open_water(self, sample: Mapping[str, Sequence[Image]]) -> None:  # noqa: ARG002
        """Return None: values have no unit."""
        return

    def water_before(
        self, scenes: Sequence[Bands], threshold: float
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which dark ground was water before, and which is no flood, water or not.

        What is not darker than before, or where dark ground around is so by little, is no flood. It is water
        if it is dark enough on both dates; other dark ground, such as roads or bare fields, is land.
        """
        now, before = self._normalised(scenes, 0), self._normalised(scenes, 1)
        fall = before - now
        flooded = (fall > -GREATEST_RISE) & (now < threshold)
        if flooded.any():
            mean = sar.boxcar(np.where(flooded, fall, np.float32(np.nan)), AROUND)
            # NaN, which is not flooded, compares as false.
            flooded = mean > LEAST_FALL
        return ~flooded & (np.maximum(now, before) < self.lasting), ~flooded

    def _normalised(self, scenes: Sequence[Bands], date: int) -> Image:
        land, unit = self.origins[date]
        return np.asarray((scenes[date][0] - np.float32(land)) / np.float32(unit), np.float32)

    def _mean(self, image: Image) -> Image:
        """Return the mean of 5 × 5 pixels, without fill; NaN at fill."""
        return sar.boxcar(self._without_fill(image))

    def _squares(self, image: Image) -> Image:
        """Return the means of squares of 5 × 5 pixels, without fill; NaN where all is fill."""
        rows, cols = (size // BLOCK for size in image.shape)
        seen = self._without_fill(image)
        if not rows * cols:
            return seen
        cut = seen[: rows * BLOCK, : cols * BLOCK]
        known = np.isfinite(cut)
        total, count = _square_sums(np.where(known, cut, np.float32(0))), _square_sums(known)
        return np.where(count > 0, total / np.maximum(count, np.float32(1)), np.float32(np.nan))

    def _without_fill(self, image: Image) -> Image:
        return np.where(np.isin(image, self.ends), np.float32(np.nan), image) if self.ends else image


def _square_sums(values: NDArray[np.generic]) -> Image:
    """Return the sums over squares, whose side divides that of the array: rows first, which is faster."""
    rows = values.reshape(-1, BLOCK, values.shape[1]).sum(axis=1, dtype=np.float32)
    return np.asarray(rows.reshape(len(rows), -1, BLOCK).sum(axis=2), np.float32)


def _seen(image: Image) -> bool:
    return bool(np.isfinite(image).any())


def _origins(
    after: Image, before: Image, *, two_classes: bool
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the level of land and the unit of each date, from the same pixels of both, (N,) each."""
    land = after > otsu(histogram(after))
    if not two_classes:
        # The threshold cuts land itself: by one date alone, land would be brighter there than on the other.
        both = land & (before > otsu(histogram(before)))
        if both.mean() >= LEAST_LAND:
            land = both
    if not land.any():
        land[:] = True
    ranges = [float(np.subtract(*np.percentile(date, ENDS[::-1]))) for date in (after, before)]
    levels = [float(np.percentile(date[land], LAND)) for date in (after, before)]
    spreads = [float(date[land].std()) for date in (after, before)]
    unit = ranges[0] / RANGE or 1.0
    return (levels[0], unit), (levels[1], unit * math.sqrt(_ratio(*ranges) * _ratio(*spreads)))


def _ratio(after: float, before: float) -> float:
    """Return the spread before in that after; 1 where a date has none."""
    return before / after if min(before, after) > 0 else 1.0
