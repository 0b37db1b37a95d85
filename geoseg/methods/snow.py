"""Ground beside snow that looks like water: shaded and melting snow, rocks in the light of snow.

Snow in shadow and pixels that are partly snow have a high green and a low SWIR reflectance, as water has, but
their near infrared is nearly as bright as their green.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geoseg.methods.cloud import WATER_NIR
from geoseg.methods.sar import boxcar

Image = NDArray[np.float32]

SNOW_NDSI = 0.4
"""Normalised difference of green and SWIR above which bright ground is snow (Dozier 1989,
doi:10.1016/0034-4257(89)90101-6; Hall 1995, doi:10.1016/0034-4257(95)00137-P)."""
REACH = 7
"""Rows and columns around a pixel in which snow is sought."""
SNOW_SHARE = 0.05
"""Share of these pixels above which there is snow."""
WATER_NDWI = 0.1
"""NDWI below which a pixel beside snow is no water."""


def beside_snow(green: Image, nir: Image, swir16: Image) -> NDArray[np.bool_]:
    """Return where ground beside snow is no water, whatever its index.

    Args:
        green: (H, W) reflectance, NaN where not observed.
        nir: the same of the near infrared.
        swir16: the same at 1.6 µm.
    """
    snow = (nir > WATER_NIR) & (green - swir16 > np.float32(SNOW_NDSI) * (green + swir16))
    if not snow.any():
        return snow
    near = boxcar(snow.astype(np.float32), REACH) > SNOW_SHARE
    return np.asarray(near & (green - nir < np.float32(WATER_NDWI) * (green + nir)))
