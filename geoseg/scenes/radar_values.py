"""What the values of radar backscatter tell of how they are stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from geoseg.scenes.bands import Band
from geoseg.spec import RadarUnits

Look = Literal["db", "linear", "both"]
"""Decibels, power or amplitude, or one of them in some bands and the other in others."""

DIVISORS = (1, 10, 100)
"""What decibels are stored multiplied by, to keep them in integers."""

LOWEST_DB, HIGHEST_DB = -45.0, 8.0
"""Median that calibrated backscatter of land or water can have, over whatever part of a scene; the noise of
Sentinel-1 is at -22 dB or below (Product Definition S1-RS-MDA-52-7440)."""

FAINTEST_DB, BRIGHTEST_DB = -75.0, 45.0
"""The same of the first and the last percentile: shadows less their noise, and corner reflectors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Percentiles of a band's observed values, as scaled by file or product."""

    band: str
    one: float
    five: float
    middle: float
    most: float
    """The 95th."""
    high: float
    """The 99th."""
    negative: float
    """Share below 0."""


def spread_of(band: Band, most: int = 16) -> Spread | None:
    """Return the percentiles of up to `most` windows of a band; None: nothing was observed, as 0 is not."""
    values = band.raster.sample(band.index, most=most)
    good = np.isfinite(values) & (values > -9000) & (values != 0)
    if band.nodata is not None:
        good &= values != band.nodata
    found = values[good].astype(np.float64) * band.scale + band.offset
    if not found.size:
        return None
    one, five, middle, most, high = np.percentile(found, [1, 5, 50, 95, 99]).tolist()
    return Spread(
        band=band.name,
        one=one,
        five=five,
        middle=middle,
        most=most,
        high=high,
        negative=float(np.mean(found < 0)),
    )


def looks_like(spreads: Sequence[Spread]) -> Look:
    """Return whether values look like decibels.

    Decibels of land and water are well below 0. Power and amplitude are above it; resampling and the removal
    of noise make some of them negative, yet hardly below -0.05. Decibels above 0, as of cities, do not make
    power.
    """
    decibels = [spread.five < -0.5 for spread in spreads]
    if not any(decibels):
        return "linear"
    linear = [not db and spread.most <= 2 for db, spread in zip(decibels, spreads, strict=True)]
    return "both" if any(linear) else "db"


def db_divisor(spreads: Sequence[Spread]) -> int | None:
    """Return what makes decibels of the values of all bands: 1, 10 or 100; None where nothing does."""
    for divisor in DIVISORS:
        # Pictures of 8 bits would make decibels if they were divided by 100.
        if divisor > 1 and not any(spread.middle < 0 for spread in spreads):
            return None
        if all(
            spread.one / divisor >= FAINTEST_DB
            and LOWEST_DB <= spread.middle / divisor <= HIGHEST_DB
            and spread.high / divisor <= BRIGHTEST_DB
            for spread in spreads
        ):
            return divisor
    return None


def plausible(spreads: Sequence[Spread], units: RadarUnits) -> bool:
    """Whether values are backscatter that ground can have, if they are in some units."""
    if units == "db":
        return db_divisor(spreads) is not None
    factor = 20.0 if units == "amplitude" else 10.0
    return all(
        spread.middle > 0
        and LOWEST_DB <= factor * np.log10(spread.middle) <= HIGHEST_DB
        and factor * np.log10(spread.high) <= BRIGHTEST_DB
        for spread in spreads
    )
