"""What a comparison of two dates compares with its threshold: arithmetic on the channels of a tile.

A tile holds the first date's channels, then the second's: (2 C, H, W) physical values, NaN where not
observed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoseg.change.change_choice import RATIO_RADIUS, Choice
from geoseg.methods import sar
from geoseg.methods.change_statistics import absolute_log_ratio, change_vector, mean_ratio
from geoseg.methods.refined_lee import refined_lee
from geoseg.methods.water_index import reflectance_difference

Image = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A tile compared."""

    value: Image
    """(H, W); change where it exceeds the threshold."""
    before: Image
    """(B, H, W) what was compared of the first date: bands, or dB after the speckle filter."""
    after: Image
    """The same of the second date, in the radiometry of the first."""


def measure(choice: Choice, tile: Image) -> Measured:
    """Compare both dates' channels (2 C, H, W)."""
    if choice.method.kind == "sar":
        before, after = (_despeckle(choice, np.ascontiguousarray(date)) for date in tile)
        if choice.method.name == "mean-ratio":
            value = mean_ratio(sar.to_power(before), sar.to_power(after), RATIO_RADIUS)
        else:
            value = np.asarray(absolute_log_ratio(before, after), np.float32)
        return Measured(value=smoothed(value, choice.radius), before=before[None], after=after[None])
    before, after = compared_bands(choice, tile)
    if choice.method.directions == "gain":
        difference = index_difference(choice, before, after)
        value = np.asarray(np.abs(difference - np.float32(choice.middle)))
        return Measured(value=value, before=before, after=after)
    if choice.mad is not None:
        z = choice.mad.z(before.astype(np.float64), after.astype(np.float64))
        value = np.minimum(np.sqrt(z), choice.most).astype(np.float32)
    else:
        value = np.asarray(change_vector(before, after), np.float32)
    return Measured(value=smoothed(value, choice.radius), before=before, after=after)


def index_difference(choice: Choice, before: Image, after: Image) -> Image:
    """Return the difference (H, W) of the method's normalised index between two dates (2, H, W), averaged."""
    first, second = (reflectance_difference(*date) for date in (before, after))
    return smoothed(np.asarray(second - first, np.float32), choice.radius)


def compared_bands(choice: Choice, tile: Image) -> tuple[Image, Image]:
    """The compared bands of both dates, the second in the radiometry of the first."""
    count = len(choice.channels)
    at = [choice.channels.index(band) for band in (*choice.compared, *choice.pairs)]
    before, after = tile[at], tile[[count + i for i in at]]
    return before, choice.normalisation(after)


def _despeckle(choice: Choice, db: Image) -> Image:
    """Filter one date."""
    if choice.speckle == "none":
        return db
    power = sar.to_power(db)
    filtered = refined_lee(power, choice.looks) if choice.speckle == "refined-lee" else sar.boxcar(power)
    return sar.to_db(filtered)


def smoothed(values: Image, radius: int) -> Image:
    """Average over a square window; as they are for radius 0."""
    return sar.boxcar(np.ascontiguousarray(values, np.float32), radius) if radius else values
