"""Flood as a change of radar backscatter between scenes of one orbit: open water turns ground dark.

Inputs are dB arrays of one shape, speckle already filtered; NaN in gives NaN out.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import UsageError

Image = NDArray[np.float32] | NDArray[np.float64]

UN_SPIDER_QUOTIENT = 1.25
"""The recommended practice's threshold."""
UN_SPIDER_RADIUS_M = 50.0
"""Radius of its focal mean."""
UN_SPIDER_LEAST_PIXELS = 8
"""Its smallest group of connected pixels."""
LOG_RATIO_FALLBACK = -3 * math.log(10) / 10
"""A fall of 3 dB, as a log-ratio."""
Z_THRESHOLD = -2.5
"""Standard deviations below the mean of the scenes before."""
LEAST_SCENES, ENOUGH_SCENES = 2, 5
"""Scenes before that a z-score needs, and from which its standard deviation is worth something."""


def log_ratio(after: Image, before: Image) -> Image:
    """Return ln(after / before) of linear power from dB: (after - before) ln(10) / 10.

    A fall of 3 dB is -0.691. Symmetric about 0 where nothing changed, whatever the backscatter.
    """
    return (after - before) * after.dtype.type(math.log(10) / 10)


def un_spider(after: Image, before: Image) -> Image:
    """Return the quotient of two dB values that the UN-SPIDER recommended practice thresholds.

    after_dB / before_dB, flood above 1.25 (UN-SPIDER recommended practice "Flood mapping and damage
    assessment using Sentinel-1 SAR data in Google Earth Engine", as its script runs). Not a ratio of power:
    the fall that it asks for is a quarter of the dB before, so it grows with the darkness of the ground. It
    has no meaning where either is 0 dB or more, and is NaN there.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = after / before
    quotient[~((after < 0) & (before < 0))] = np.nan
    return quotient


def z_score(after: Image, before: Image, least_std: float = 0.0) -> Image:
    """Return how many standard deviations a pixel lies above its own mean before.

    (x - mean) / std per pixel over scenes of one relative orbit, DeVries 2020,
    doi:10.1016/j.rse.2020.111664; std with n - 1.

    Args:
        after: (H, W) dB.
        before: (n, H, W) dB of n >= 2 scenes (5 or more make the standard deviation useful).
        least_std: dB below which no standard deviation is believed (two calm scenes agree by chance).

    Raises:
        UsageError: fewer than two scenes before.
    """
    if len(before) < LEAST_SCENES:
        raise UsageError(f"a z-score needs {LEAST_SCENES} scenes before or more; there is {len(before)}")
    mean = before.mean(axis=0)
    std = np.maximum(before.std(axis=0, ddof=1), least_std)
    with np.errstate(divide="ignore", invalid="ignore"):
        z: Image = (after - mean) / std
    z[std == 0] = np.nan
    return z
