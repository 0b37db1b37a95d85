"""Steady Gaussian plume in plan view: column enhancement of a source in each pixel.

The vertical column is Q / (U sqrt(2 pi) sigma_y(x)) exp(-y² / 2 sigma_y²) at x downwind and y across the wind
(Sutton 1932, doi:10.1098/rspa.1932.0061; integrated over height), so that mass is conserved. The model has no
turbulence: the columns of real plumes vary more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

from geoseg.errors import UsageError
from geoseg.methods.methane_rate import MOL_PER_PPM_M, MOLAR_MASS, SECONDS

Stability = Literal["A", "B", "C", "D", "E", "F"]

SPREAD: dict[Stability, float] = {"A": 213.0, "B": 156.0, "C": 104.0, "D": 68.0, "E": 50.5, "F": 34.0}
"""sigma_y in m at one kilometre, by Pasquill stability class from very unstable to stable (Martin 1976,
doi:10.1080/00022470.1976.10470230)."""

POWER = 0.894
"""Exponent of the distance in sigma_y (Martin 1976)."""

KG_PER_PPM_M = MOL_PER_PPM_M * MOLAR_MASS
"""Mass of methane in kg/m² of 1 ppm·m."""

FINE, COARSE = 24, 4
"""Samples along the side of a pixel, where the plume is narrower than a pixel and elsewhere."""

MIN_SPREAD = 0.75
"""Smallest sigma_y in steps between samples; sums over narrower Gaussians have errors above 1e-4."""


@dataclass(frozen=True, kw_only=True)
class GaussianPlume:
    """A source and its wind."""

    rate_kg_h: float
    wind_m_s: float
    """Wind speed, constant with height."""
    towards: float
    """Direction towards which the wind blows, degrees clockwise from the top of the image."""
    stability: Stability = "B"
    age_s: float = math.inf
    """Duration of the emission. The plume ends `age_s * wind_m_s` downwind, with a smooth end as it spreads
    along the wind as it does across."""

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            UsageError: the rate is negative, or wind or age are not above 0.
        """
        if not self.rate_kg_h >= 0:
            raise UsageError(f"the source rate is {self.rate_kg_h:g} kg/h and must be 0 or more")
        if not self.wind_m_s > 0:
            raise UsageError(f"the wind speed is {self.wind_m_s:g} m/s and must be above 0")
        if not self.age_s > 0:
            raise UsageError("the age of the plume must be above 0")

    @property
    def length_m(self) -> float:
        """Length of the plume."""
        return self.age_s * self.wind_m_s

    @property
    def line_kg_m(self) -> float:
        """Mass per metre along the wind."""
        return self.rate_kg_h / SECONDS / self.wind_m_s

    def spread(self, along: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return sigma_y in m at distances downwind in m, above 0."""
        return np.asarray(SPREAD[self.stability] * (along / 1000) ** POWER)

    def mass_kg(self) -> float:
        """Return the mass of the plume: rate x age, plus a small amount of the smooth end.

        Infinite for an infinite age.
        """
        if math.isinf(self.length_m):
            return math.inf
        end = self._end_spread
        u = self.length_m / (math.sqrt(2) * end)
        half = self.length_m / 2 * math.erfc(-u) + end / math.sqrt(2 * math.pi) * math.exp(-(u**2))
        return self.line_kg_m * half

    @property
    def _end_spread(self) -> float:
        """Width of the smooth end of the plume: standard deviation in m."""
        return float(self.spread(np.array([self.length_m]))[0])

    def at(
        self, along: NDArray[np.float64], across: NDArray[np.float64], step: float = 0.0
    ) -> NDArray[np.float64]:
        """Return the column in kg/m² at positions downwind and across in m; 0 upwind.

        Args:
            along: distance downwind.
            across: distance across the wind, of the same shape.
            step: distance between samples in m, which limits sigma_y from below.
        """
        columns = np.zeros(np.shape(along))
        down = along > 0
        x, y = along[down], across[down]
        sigma = np.maximum(self.spread(x), MIN_SPREAD * step)
        column = self.line_kg_m / (math.sqrt(2 * math.pi) * sigma) * np.exp(-(y**2) / (2 * sigma**2))
        if math.isfinite(self.length_m):
            column = column * erfc((x - self.length_m) / (math.sqrt(2) * self._end_spread)) / 2
        columns[down] = column
        return columns

    def over_pixels(
        self, shape: tuple[int, int], source: tuple[float, float], pixel_size_m: tuple[float, float]
    ) -> NDArray[np.float64]:
        """Return the mean column in ppm·m over each pixel (H, W).

        A pixel is the mean of samples inside it, with more samples where the plume is narrower than a pixel,
        so that mass is conserved.

        Args:
            shape: (H, W).
            source: (row, column) in pixels; n + 0.5 is the centre of a pixel.
            pixel_size_m: (row step, column step).
        """
        found = self._block((0, 0), shape, source, pixel_size_m, COARSE)
        # Distance at which sigma_y is one pixel, plus the pixel of the source.
        narrow = 1000 * (max(pixel_size_m) / SPREAD[self.stability]) ** (1 / POWER)
        reach = math.ceil(narrow / min(pixel_size_m)) + 1
        first = [min(max(math.floor(at) - reach, 0), most) for at, most in zip(source, shape, strict=True)]
        last = [min(max(math.floor(at) + reach + 1, 0), most) for at, most in zip(source, shape, strict=True)]
        rows, cols = last[0] - first[0], last[1] - first[1]
        if rows > 0 and cols > 0:
            near = self._block((first[0], first[1]), (rows, cols), source, pixel_size_m, FINE)
            found[first[0] : last[0], first[1] : last[1]] = near
        return found / KG_PER_PPM_M

    def _block(
        self,
        origin: tuple[int, int],
        shape: tuple[int, int],
        source: tuple[float, float],
        pixel_size_m: tuple[float, float],
        samples: int,
    ) -> NDArray[np.float64]:
        """Return the mean column in kg/m² over the pixels (H, W) of a block."""
        angle = math.radians(self.towards)
        east, north = math.sin(angle), math.cos(angle)
        inside = (np.arange(samples) + 0.5) / samples
        cols = (np.add.outer(np.arange(shape[1]), inside).ravel() + origin[1] - source[1]) * pixel_size_m[1]
        found = np.empty(shape)
        for row in range(shape[0]):
            down = ((row + origin[0] + inside) - source[0])[:, np.newaxis] * pixel_size_m[0]
            column = self.at(
                cols * east - down * north, cols * north + down * east, max(pixel_size_m) / samples
            )
            found[row] = column.reshape(samples, shape[1], samples).mean(axis=(0, 2))
        return found


def usual_stability(wind_m_s: float) -> Stability:
    """Return the Pasquill stability class of a clear mid-morning (moderate insolation), by wind speed in m/s.

    Where the table has two classes, the less stable one is returned (Pasquill 1961, Meteorological
    Magazine 90, 33-49; Turner 1970, Workbook of Atmospheric Dispersion Estimates, table 3-1).
    """
    return "A" if wind_m_s < 2 else "B" if wind_m_s < 5 else "C" if wind_m_s < 6 else "D"


def core(column: NDArray[np.float64], share: float = 0.5) -> NDArray[np.bool_]:
    """Return the smallest set of pixels (H, W) that holds a share of the mass of a plume."""
    order = np.argsort(column, axis=None)[::-1]
    summed = np.cumsum(column.ravel()[order])
    mask = np.zeros(column.size, np.bool_)
    if summed.size and summed[-1] > 0:
        mask[order[: int(np.searchsorted(summed, share * summed[-1])) + 1]] = True
    return mask.reshape(column.shape)
