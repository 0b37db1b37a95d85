"""From a map of methane enhancement to the rate of its source: mass, length, wind.

Integrated mass enhancement (IME), Varon 2018, doi:10.5194/amt-11-5673-2018, with effective winds per sensor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import UsageError

MOLAR_MASS = 0.01604
"""kg of methane in a mole."""

GAS_CONSTANT = 8.314462618
PRESSURE, TEMPERATURE = 101_325.0, 298.15
"""Pa and K at which a path of one metre filled with one part per million is counted."""

MOL_PER_PPM_M = 1e-6 * PRESSURE / (GAS_CONSTANT * TEMPERATURE)
"""mol/m² in 1 ppm·m: 4.087e-5, which is 6.556e-7 kg/m²."""

SECONDS = 3600.0


@dataclass(frozen=True, kw_only=True)
class EffectiveWind:
    """What wind at 10 m above ground makes of a plume's length: slope * U10 + offset, m/s."""

    slope: float
    offset: float
    citation: str

    def __call__(self, wind_10m: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the effective wind in m/s of the wind at 10 m."""
        return np.asarray(self.slope * np.asarray(wind_10m, np.float64) + self.offset)


def integrated_mass(enhancement: NDArray[np.floating], area_m2: NDArray[np.floating] | float) -> float:
    """Return the mass of methane in kg: the sum over pixels of enhancement (mol/m²), molar mass and area."""
    finite = np.isfinite(enhancement)
    areas = np.broadcast_to(np.asarray(area_m2, np.float64), enhancement.shape)
    return float((np.asarray(enhancement, np.float64)[finite] * areas[finite]).sum() * MOLAR_MASS)


def plume_length(area_m2: float) -> float:
    """Return the square root of a plume's area, in m."""
    return float(np.sqrt(area_m2))


def ime_rate(mass_kg: float, length_m: float, effective_wind: float) -> float:
    """Return the rate in kg/h: effective wind x mass / length.

    Raises:
        UsageError: the wind or the length is not positive: nothing then carries the plume away.
    """
    if not effective_wind > 0:
        raise UsageError(
            f"an effective wind of {effective_wind:g} m/s carries no plume: give the wind with --wind"
        )
    if not length_m > 0:
        raise UsageError("a plume without area has no rate")
    return effective_wind * mass_kg / length_m * SECONDS


def along_wind(
    rows: NDArray[np.integer], cols: NDArray[np.integer], direction: float, pixel_size_m: tuple[float, float]
) -> NDArray[np.float64]:
    """Return how far pixels lie along the wind, in m from the line across it through the first pixel.

    Args:
        rows: of the pixels.
        cols: of the pixels.
        direction: towards which the wind blows, in degrees clockwise from the top of the image.
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
    """Return the rate in kg/h by the flux through transects across the wind.

    The enhancement is summed over lines that stand across the wind, as wide as a pixel's longer side so that
    none falls between pixels, and the mean over those that meet the plume is carried by the wind. It needs no
    length, and disagrees with the IME where the plume is no plume.

    Args:
        enhancement: (H, W) mol/m², NaN outside the plume.
        pixel_size_m: (row step, column step).
        direction: towards which the wind blows, in degrees clockwise from the top of the image.
        effective_wind: m/s.

    Raises:
        UsageError: there is no plume.
    """
    rows, cols = np.nonzero(np.isfinite(enhancement))
    if not rows.size:
        raise UsageError("a plume without pixels has no rate")
    down, right = pixel_size_m
    along = along_wind(rows, cols, direction, pixel_size_m)
    step = max(down, right)
    lines = np.floor((along - along.min()) / step).astype(np.int64)
    moles = np.bincount(lines, enhancement[rows, cols].astype(np.float64) * down * right)
    met = np.bincount(lines) > 0
    return float((moles[met] / step).mean() * MOLAR_MASS * effective_wind * SECONDS)
