"""A plain screen for clouds, snow and cloud shadow in optical reflectance.

It is no cloud mask. It knows neither temperature nor geometry: thin cloud over land, cloud over snow, small
cumulus and shadow over dark forest escape it, and bright roofs and salt flats may be taken for cloud. It
serves to keep the brightest errors out of a water map and to say when a scene needs a real mask. Each
function but `shadow_candidates` is pixel-wise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

WATER_NIR = 0.25
"""Reflectance that water does not reach in the near infrared without heavy sun glint; cloud and snow do."""
SHADOW_NIR = 0.12
"""Near-infrared reflectance below which ground is dark enough to be in shadow."""


def too_bright_for_water(nir: Image, limit: float = WATER_NIR) -> Mask:
    """Say where the near infrared is too bright for water, whatever a water index says.

    Clouds and snow have water's sign in (G - SWIR) / (G + SWIR); the snow test of Hall 1995,
    doi:10.1016/0034-4257(95)00137-P, tells them from water by the near infrared too.
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
    """Say where it is bright and white as cloud (or snow), or cirrus shows.

    Whiteness (mean deviation of the visible bands relative to their mean, below 0.7 in sum) and brightness
    as in Zhu & Woodcock 2012, doi:10.1016/j.rse.2011.10.028, with fixed limits; cirrus above 0.012 at
    1.38 µm. With the band at 1.6 µm also their tests of haze (blue - red / 2 > 0.08) and of bright rock
    (near infrared / 1.6 µm > 0.75), which tell clouds from sand: sand brightens towards the infrared.

    Args:
        blue: reflectance 0..1, top of atmosphere or surface; likewise the others.
        green: reflectance.
        red: reflectance.
        nir: reflectance.
        cirrus: reflectance at 1.38 µm, top of atmosphere, where the sensor has it.
        swir16: reflectance at 1.6 µm; None: sand may be taken for cloud.
    """
    mean = (blue + green + red) / 3
    deviation = np.abs(blue - mean) + np.abs(green - mean) + np.abs(red - mean)
    found = (mean > 0.25) & (deviation < 0.7 * mean) & too_bright_for_water(nir)
    if swir16 is not None:
        found &= (blue - 0.5 * red > 0.08) & (nir > 0.75 * swir16)
    if cirrus is not None:
        found |= cirrus > 0.012
    return np.asarray(found)


def shadow_candidates(cloud: Mask, nir: Image, water_index: Image, reach: int, sure: float = 0.2) -> Mask:
    """Say where ground near a cloud is dark and not clearly water: it may be the cloud's shadow.

    Args:
        cloud: (H, W) True = cloud.
        nir: reflectance.
        water_index: NDWI or MNDWI; above `sure` a pixel is water for certain, shadow or not.
        reach: pixels within which a shadow is sought, along rows and columns; also the margin that exact
            results need.
        sure: see `water_index`.
    """
    near = ndimage.maximum_filter(cloud, 2 * reach + 1, mode="constant", cval=0)
    return np.asarray(near & ~cloud & (nir < SHADOW_NIR) & ~(water_index > sure))
