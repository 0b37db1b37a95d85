"""Source rate of a plume from its enhancement, its length and the wind.

Integrated mass enhancement (IME), Varon 2018, doi:10.5194/amt-11-5673-2018, with an effective wind by sensor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import UsageError

MOLAR_MASS = 0.01604
"""Molar mass of methane in kg/mol."""

GAS_CONSTANT = 8.314462618
PRESSURE, TEMPERATURE = 101_325.0, 298.15
"""Pressure in Pa and temperature in K of one part per million over a path of one metre."""

MOL_PER_PPM_M = 1e-6 * PRESSURE / (GAS_CONSTANT * TEMPERATURE)
"""mol/m² in 1 ppm·m: 4.087e-5, which is 6.556e-7 kg/m²."""

SECONDS = 3600.0


@dataclass(frozen=True, kw_only=True)
class EffectiveWind:
    """Effective wind speed from the wind at 10 m above ground: slope * U10 + offset, in m/s."""

    slope: float
    offset: float
    citation: str

    def __call__(self, wind_10m: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the effective wind speed in m/s for a wind speed at 10 m in m/s."""
        return np.asarray(self.slope * np.asarray(wind_10m, np.float64) + self.offset)


def integrated_mass(enhancement: NDArray[np.floating], area_m2: NDArray[np.floating] | float) -> float:
    """Return the mass of methane in kg: the sum over pixels of enhancement (mol/m²), molar mass and area."""
    finite = np.isfinite(enhancement)
    areas = np.broadcast_to(np.asarray(area_m2, np.float64), enhancement.shape)
    return float((np.asarray(enhancement, np.float64)[finite] * areas[finite]).sum() * MOLAR_MASS)


def plume_length(area_m2: float) -> float:
    """Return the length scale of a plume in m, the square root of its area."""
    return float(np.sqrt(area_m2))


def ime_rate(mass_kg: float, length_m: float, effective_wind: float) -> float:
    """Return the source rate in kg/h: effective wind x mass / length.

    Raises:
        UsageError: the wind or the length is not above 0.
    """
    if not effective_wind > 0:
        raise UsageError(
            f"the effective wind speed is {effective_wind:g} m/s and must be above 0; check `--wind`"
        )
    if not length_m > 0:
        raise UsageError("the area of the plume is 0, so it has no source rate")
    return effective_wind * mass_kg / length_m * SECONDS


def along_wind(
    rows: NDArray[np.integer], cols: NDArray[np.integer], direction: float, pixel_size_m: tuple[float, float]
) -> NDArray[np.float64]:
    """Return the distance of pixels along the wind in m, from the origin of rows and columns.

    Args:
        rows: rows of the pixels.
        cols: columns of the pixels.
        direction: direction towards which the wind blows, in degrees clockwise from the top of the image.
        pixel_size_m: (row step, column step).
    """
    angle = np.radians(direction)
    down, right = pixel_size_m
    return np.asarray(np.sin(angle) * cols * right - np.cos(angle) * rows * down)


def cross_section_rate(
    enhancement: NDArray[np.floating],
    pixel_size_m: tuple[float, float],
    direction: float,
    effective_wind: float,
) -> float:
    """Return the source rate in kg/h by the flux through transects across the wind.

    The enhancement is summed over transects as wide as the longer side of a pixel; the rate is the mean sum
    of those with plume pixels times the wind. It does not depend on a length scale, and differs from the rate
    by IME where the candidate is not a plume.

    Args:
        enhancement: (H, W) mol/m², NaN outside the plume.
        pixel_size_m: (row step, column step).
        direction: direction towards which the wind blows, in degrees clockwise from the top of the image.
        effective_wind: m/s.

    Raises:
        UsageError: the plume has no pixels.
    """
    rows, cols = np.nonzero(np.isfinite(enhancement))
    if not rows.size:
        raise UsageError("the plume has no pixels, so it has no source rate")
    down, right = pixel_size_m
    along = along_wind(rows, cols, direction, pixel_size_m)
    step = max(down, right)
    lines = np.floor((along - along.min()) / step).astype(np.int64)
    moles = np.bincount(lines, enhancement[rows, cols].astype(np.float64) * down * right)
    met = np.bincount(lines) > 0
    return float((moles[met] / step).mean() * MOLAR_MASS * effective_wind * SECONDS)
