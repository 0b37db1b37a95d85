"""Simple tests for cloud, snow and cloud shadow in optical reflectance.

They do not replace a cloud mask, because they use neither temperature nor geometry: they miss thin cloud over
land, cloud over snow, small cumulus and shadow over dark forest, and detect bright roofs and salt flats as
cloud. They remove the brightest errors from a water map, and show when a scene needs a cloud mask. All
functions but `shadow_candidates` work by pixel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geoseg.methods.dilation import dilate_square

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

WATER_NIR = 0.25
"""Near-infrared reflectance that cloud and snow exceed, and water does not without strong sun glint."""
SHADOW_NIR = 0.12
"""Near-infrared reflectance below which a pixel may be in shadow."""


def too_bright_for_water(nir: Image, limit: float = WATER_NIR) -> Mask:
    """Return where the near infrared is too bright for water.

    (G - SWIR) / (G + SWIR) has the same sign for cloud, snow and water; the snow test of Hall 1995,
    doi:10.1016/0034-4257(95)00137-P, separates them in the near infrared, too.
    """
    return np.asarray(nir > limit)


def clouds(
    blue: Image,
    green: Image,
    red: Image,
    nir: Image,
    cirrus: Image | None = None,
    swir16: Image | None = None,
) -> Mask:
    """Return where a pixel is as bright and white as cloud or snow, or has cirrus.

    Whiteness (mean deviation of the visible bands relative to their mean, below 0.7 in sum) and brightness
    as in Zhu & Woodcock 2012, doi:10.1016/j.rse.2011.10.028, with fixed limits; cirrus above 0.012 at
    1.38 µm. With the band at 1.6 µm also their tests of haze (blue - red / 2 > 0.08) and of bright rock
    (near infrared / 1.6 µm > 0.75), which separate cloud from sand, whose reflectance rises to the infrared.

    Args:
        blue: reflectance 0..1, top of atmosphere or surface.
        green: reflectance.
        red: reflectance.
        nir: reflectance.
        cirrus: top-of-atmosphere reflectance at 1.38 µm; None: the sensor has no such band.
        swir16: reflectance at 1.6 µm; None: sand may be detected as cloud.
    """
    mean = (blue + green + red) / 3
    deviation = np.abs(blue - mean) + np.abs(green - mean) + np.abs(red - mean)
    cloud = (mean > 0.25) & (deviation < 0.7 * mean) & (nir > WATER_NIR)
    if swir16 is not None:
        cloud &= (blue - 0.5 * red > 0.08) & (nir > 0.75 * swir16)
    if cirrus is not None:
        cloud |= cirrus > 0.012
    return np.asarray(cloud)


def shadow_candidates(cloud: Mask, nir: Image, water_index: Image, reach: int, sure: float = 0.2) -> Mask:
    """Return where a pixel near a cloud is dark and not clearly water, so that it may be cloud shadow.

    Args:
        cloud: (H, W) True = cloud.
        nir: reflectance.
        water_index: NDWI or MNDWI.
        reach: largest distance of shadow from cloud in pixels, along rows and columns; results closer than
            this to the edge are not exact.
        sure: water index above which a pixel is water.
    """
    if not cloud.any():
        return np.zeros(cloud.shape, np.bool_)
    return np.asarray(dilate_square(cloud, reach) & ~cloud & (nir < SHADOW_NIR) & ~(water_index > sure))
