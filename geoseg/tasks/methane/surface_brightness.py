"""Water, cloud and surface brightness of a spectrometer scene, from radiance and solar irradiance."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from geoseg.scenes import Scene
from geoseg.tasks.methane.band_ratio import clear_ground
from geoseg.tasks.methane.method import WEAK
from geoseg.tasks.methane.retrieval import ALBEDO, CLOUD, WATER
from geoseg.tasks.methane.view_angles import Angles

Image = NDArray[np.float32]

SCREENS = (WATER, CLOUD, ALBEDO)

IRRADIANCE: tuple[tuple[float, float], ...] = (
    (442.7, 1884.69),
    (492.4, 1959.66),
    (559.8, 1823.24),
    (664.6, 1512.06),
    (704.1, 1424.64),
    (740.5, 1287.61),
    (782.8, 1162.08),
    (832.8, 1041.63),
    (864.7, 955.32),
    (945.1, 812.92),
    (1373.5, 367.15),
    (1613.7, 245.59),
    (2202.4, 85.25),
)
"""Wavelength in nm and solar irradiance in W m⁻² µm⁻¹ at one astronomical unit, of the bands of Sentinel-2A,
from the metadata of level 1C products. Linear interpolation without the earth-sun distance is accurate to 5
%, which is enough for screening."""


def screening_planes(
    radiance: Mapping[str, Image], factors: Mapping[str, float]
) -> tuple[Image, Image, Image]:
    """Return water and cloud (1, 0, or NaN where unknown) and surface brightness, each (h, w).

    Args:
        radiance: (h, w) by common name; NaN where not valid.
        factors: of `reflectance_factors`.
    """
    shape = next(iter(radiance.values())).shape
    unknown = np.full(shape, np.nan, np.float32)
    bright = radiance.get(WEAK, radiance.get("swir22", unknown))
    if WEAK not in factors:
        return unknown, unknown, bright
    values = {name: radiance[name] * np.float32(factor) for name, factor in factors.items()}
    water, cloud = clear_ground(values)
    return water, cloud, values[WEAK]


def reflectance_factors(scene: Scene, names: tuple[str, ...], angles: Angles | None) -> dict[str, float]:
    """Return top-of-atmosphere reflectance divided by radiance, by common name; empty: unknown.

    Args:
        scene: with bands of these names.
        names: common names.
        angles: with the solar zenith angle; None: unknown.
    """
    bands = [band for band in scene.bands if band.name in names]
    if angles is None or any(band.units != "radiance" for band in bands):
        return {}
    nm, irradiance = np.array(IRRADIANCE).T
    cosine = math.cos(math.radians(angles.sun_zenith))
    return {
        band.name: math.pi / (float(np.interp(1000 * band.wavelength, nm, irradiance)) * cosine)
        for band in bands
        if band.wavelength
    }
