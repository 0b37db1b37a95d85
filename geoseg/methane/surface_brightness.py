"""Where a cube shows water and cloud, and how bright its ground is: radiance by the sun's light."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoseg.methane.band_ratio import clear_ground
from geoseg.methane.method import WEAK
from geoseg.methane.retrieval import ALBEDO, CLOUD, WATER
from geoseg.methane.view_angles import Angles
from geoseg.scenes import Scene

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
"""nm, and the sun's light in W m⁻² µm⁻¹ at one astronomical unit: of Sentinel-2A's bands, of the metadata of
its level 1C products. Straight lines between them, and the distance of the day left out, are near enough for
screens (5 %)."""


@dataclass(frozen=True, kw_only=True)
class Sunlight:
    """What makes reflectance of a cube's radiance."""

    factors: Mapping[str, float]
    """By common name, reflectance = radiance x factor; empty: not known."""

    def screens(self, radiance: Mapping[str, Image]) -> tuple[Image, Image, Image]:
        """Return water and cloud (1, 0, or NaN where not known) and the ground's brightness, each (h, w).

        Args:
            radiance: by common name; NaN where not valid.
        """
        shape = next(iter(radiance.values())).shape
        unknown = np.full(shape, np.nan, np.float32)
        bright = radiance.get(WEAK, radiance.get("swir22", unknown))
        if WEAK not in self.factors:
            return unknown, unknown, bright
        values = {name: radiance[name] * np.float32(factor) for name, factor in self.factors.items()}
        water, cloud = clear_ground(values)
        return water, cloud, values[WEAK]


def sunlight(scene: Scene, names: tuple[str, ...], angles: Angles | None) -> Sunlight:
    """Return the sun's light in the bands of a cube.

    Args:
        scene: with bands of these names.
        names: common names.
        angles: of the sun; None: not known.
    """
    bands = [band for band in scene.bands if band.name in names]
    if angles is None or any(band.units != "radiance" for band in bands):
        return Sunlight(factors={})
    nm, light = np.array(IRRADIANCE).T
    height = math.cos(math.radians(angles.sun_zenith))
    return Sunlight(
        factors={
            band.name: math.pi / (float(np.interp(1000 * band.wavelength, nm, light)) * height)
            for band in bands
            if band.wavelength
        }
    )
