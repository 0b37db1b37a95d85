"""Recognise the units of radar backscatter by its values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from geoseg.scenes.bands import Band
from geoseg.spec import RadarUnits

ValueScale = Literal["db", "linear", "both"]
"""`db`: decibels; `linear`: power or amplitude; `both`: the bands differ."""

DIVISORS = (1, 10, 100)
"""Factors by which decibels are multiplied when they are stored as integers."""

LOWEST_DB, HIGHEST_DB = -45.0, 8.0
"""Range of the median of calibrated backscatter of land or water, in any part of a scene; the noise of
Sentinel-1 is at -22 dB or below (Product Definition S1-RS-MDA-52-7440)."""

BRIGHT_CROSS_DB, BRIGHT_LIKE_DB = -10.0, -4.0
"""Medians of cross- and of like-polarised backscatter that few scenes of land exceed: forest has about -13
and -7 dB, only dense cities have more. Amplitude read as power has half of its dB."""

FAINTEST_DB, BRIGHTEST_DB = -75.0, 45.0
"""Least 1st and greatest 99th percentile: shadows after noise subtraction, and corner reflectors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackscatterPercentiles:
    """Percentiles of a band's valid values, scaled by file or product."""

    band: str
    one: float
    five: float
    middle: float
    most: float
    """The 95th percentile."""
    high: float
    """The 99th percentile."""
    negative: float
    """Share of values below 0, 0..1."""


def percentiles_of(band: Band, most: int = 16) -> BackscatterPercentiles | None:
    """Return the percentiles of up to `most` windows of a band; None if all values are 0 or nodata."""
    values = band.raster.sample(band.index, most=most)
    good = np.isfinite(values) & (values > -9000) & (values != 0)
    if band.nodata is not None:
        good &= values != band.nodata
    found = values[good].astype(np.float64) * band.scale + band.offset
    if not found.size:
        return None
    one, five, middle, most, high = np.percentile(found, [1, 5, 50, 95, 99]).tolist()
    return BackscatterPercentiles(
        band=band.name,
        one=one,
        five=five,
        middle=middle,
        most=most,
        high=high,
        negative=float(np.mean(found < 0)),
    )


def value_scale(statistics: Sequence[BackscatterPercentiles]) -> ValueScale:
    """Return the scale that fits the values.

    Decibels of land and water are well below 0. Power and amplitude are above 0; resampling and noise
    subtraction make some of them negative, but hardly below -0.05. Decibels above 0 occur in cities.
    """
    decibels = [item.five < -0.5 for item in statistics]
    if not any(decibels):
        return "linear"
    linear = [not db and item.most <= 2 for db, item in zip(decibels, statistics, strict=True)]
    return "both" if any(linear) else "db"


def db_divisor(statistics: Sequence[BackscatterPercentiles]) -> int | None:
    """Return the divisor that gives decibels in all bands: 1, 10 or 100; None if none does."""
    for divisor in DIVISORS:
        # 8-bit pictures divided by 100 would look like decibels.
        if divisor > 1 and not any(item.middle < 0 for item in statistics):
            return None
        if all(
            item.one / divisor >= FAINTEST_DB
            and LOWEST_DB <= item.middle / divisor <= HIGHEST_DB
            and item.high / divisor <= BRIGHTEST_DB
            for item in statistics
        ):
            return divisor
    return None


def plausible(statistics: Sequence[BackscatterPercentiles], units: RadarUnits) -> bool:
    """Return True if the values are possible backscatter of land or water in some units."""
    if units == "db":
        return db_divisor(statistics) is not None
    factor = 20.0 if units == "amplitude" else 10.0
    return all(
        item.middle > 0
        and LOWEST_DB <= factor * np.log10(item.middle) <= HIGHEST_DB
        and factor * np.log10(item.high) <= BRIGHTEST_DB
        for item in statistics
    )


def too_bright(statistics: Sequence[BackscatterPercentiles]) -> BackscatterPercentiles | None:
    """Return a band whose values, as power, are brighter than those of nearly all scenes; None if none is.

    The cross-polarised bands decide where there are any: they are darker over all land and water.
    """
    crossed = [item for item in statistics if item.band in {"vh", "hv"}]
    limit = BRIGHT_CROSS_DB if crossed else BRIGHT_LIKE_DB
    return next((item for item in crossed or statistics if item.middle > 10 ** (limit / 10)), None)
