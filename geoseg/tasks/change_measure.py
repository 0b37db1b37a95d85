"""What a comparison of two dates compares with its threshold: arithmetic on the channels of a tile.

A tile holds the first date's channels, then the second's: (2 C, H, W) physical values, NaN where not
observed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geoseg.methods import sar
from geoseg.methods.change import absolute_log_ratio, change_vector, mean_ratio
from geoseg.methods.refined_lee import refined_lee
from geoseg.methods.water_index import normalised_difference
from geoseg.tasks.change_choice import RATIO_RADIUS, Choice

Image = NDArray[np.float32]


def measure(choice: Choice, tile: Image) -> Image:
    """Return what is compared with the threshold, (H, W), from both dates' channels (2 C, H, W)."""
    if choice.method.kind == "sar":
        before, after = radar_dates(choice, tile)
        if choice.method.name == "mean-ratio":
            value = mean_ratio(sar.to_power(before), sar.to_power(after), RATIO_RADIUS)
        else:
            value = np.asarray(absolute_log_ratio(before, after), np.float32)
        return smoothed(value, choice.radius)
    if choice.method.directions == "gain":
        return np.asarray(np.abs(index_difference(choice, tile) - np.float32(choice.middle)))
    before, after = compared_bands(choice, tile)
    if choice.mad is not None:
        value = np.asarray(
            np.sqrt(choice.mad.z(before.astype(np.float64), after.astype(np.float64))), np.float32
        )
    else:
        value = np.asarray(change_vector(before, after), np.float32)
    return smoothed(value, choice.radius)


def index_difference(choice: Choice, tile: Image) -> Image:
    """Return the difference (H, W) of the method's normalised index between the dates, averaged."""
    before, after = compared_bands(choice, tile)
    zero = np.float32(0)
    first, second = (
        normalised_difference(np.maximum(date[0], zero), np.maximum(date[1], zero))
        for date in (before, after)
    )
    return smoothed(np.asarray(second - first, np.float32), choice.radius)


def compared_bands(choice: Choice, tile: Image) -> tuple[Image, Image]:
    """The compared bands of both dates, the second in the radiometry of the first."""
    count = len(choice.channels)
    at = [choice.channels.index(band) for band in (*choice.compared, *choice.pairs)]
    before, after = tile[at], tile[[count + i for i in at]]
    return before, choice.normalisation(after)


def radar_dates(choice: Choice, tile: Image) -> tuple[Image, Image]:
    """Both dates in dB, speckle filtered."""
    first, second = (_despeckle(choice, np.ascontiguousarray(date)) for date in tile)
    return first, second


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
