"""Flood as a decrease of radar backscatter between scenes of one relative orbit.

Inputs are arrays of one shape in dB, after a speckle filter; the result of NaN is NaN.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import UsageError

Image = NDArray[np.float32] | NDArray[np.float64]

UN_SPIDER_QUOTIENT = 1.25
"""Threshold of the UN-SPIDER recommended practice."""
UN_SPIDER_RADIUS_M = 50.0
"""Radius of the focal mean of the recommended practice."""
UN_SPIDER_LEAST_PIXELS = 8
"""Smallest number of connected pixels of the recommended practice."""
LOG_RATIO_FALLBACK = -3 * math.log(10) / 10
"""A decrease of 3 dB as a log-ratio."""
Z_THRESHOLD = -2.5
"""Standard deviations from the mean of the scenes before."""
LEAST_SCENES, ENOUGH_SCENES = 2, 5
"""Number of scenes before that a z-score needs, and for a reliable standard deviation."""


def log_ratio(after: Image, before: Image) -> Image:
    """Return ln(after / before) of linear power from dB: (after - before) ln(10) / 10.

    A decrease of 3 dB is -0.691. The distribution of unchanged pixels is symmetric about 0.
    """
    return (after - before) * after.dtype.type(math.log(10) / 10)


def un_spider(after: Image, before: Image) -> Image:
    """Return the quotient of two dB values of the UN-SPIDER recommended practice.

    after_dB / before_dB, flood above 1.25 (UN-SPIDER recommended practice "Flood mapping and damage
    assessment using Sentinel-1 SAR data in Google Earth Engine", as in its script). It is not a ratio of
    power: the required decrease is a quarter of the dB value before, so it is larger for darker surfaces. NaN
    where either is 0 dB or more, where the quotient has no meaning.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = after / before
    quotient[~((after < 0) & (before < 0))] = np.nan
    return quotient


def z_score(after: Image, before: Image, least_std: float = 0.0) -> Image:
    """Return the deviation of each pixel from its mean of the scenes before, in standard deviations.

    (x - mean) / std by pixel over scenes of one relative orbit, DeVries 2020,
    doi:10.1016/j.rse.2020.111664; std with n - 1.

    Args:
        after: (H, W) dB.
        before: (n, H, W) dB of n >= 2 scenes; 5 or more for a reliable standard deviation.
        least_std: smallest standard deviation in dB, for scenes that agree by chance.

    Raises:
        UsageError: there are fewer than two scenes before.
    """
    if len(before) < LEAST_SCENES:
        raise UsageError(f"a z-score needs at least {LEAST_SCENES} scenes before, but {len(before)} is given")
    mean = before.mean(axis=0)
    std = np.maximum(before.std(axis=0, ddof=1), least_std)
    with np.errstate(divide="ignore", invalid="ignore"):
        z: Image = (after - mean) / std
    z[std == 0] = np.nan
    return z
