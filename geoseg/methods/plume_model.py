"""A steady Gaussian plume seen from above: what a known source adds to each pixel's column.

What is blown past a line across the wind in a second is what the source emits, so that the vertical column is
Q / (U sqrt(2 pi) sigma_y(x)) exp(-y² / 2 sigma_y²) at x downwind and y across (Sutton 1932,
doi:10.1098/rspa.1932.0061; integrated over height). Mass is conserved across every section. It has no
turbulence: real plumes meander, tear and pool, and their columns vary by more than this one's.
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
"""sigma_y in m at one kilometre, by Pasquill's classes from very unstable to stable (Martin 1976,
doi:10.1080/00022470.1976.10470230)."""

POWER = 0.894
"""sigma_y grows with distance to this power (Martin 1976)."""

KG_PER_PPM_M = MOL_PER_PPM_M * MOLAR_MASS
"""kg of methane over a square metre in 1 ppm·m."""

FINE, COARSE = 24, 4
"""Samples a side of a pixel where the plume is narrower than a pixel, and elsewhere."""

LEAST_SPREAD = 0.75
"""sigma_y in steps between samples, at least: sums over narrower Gaussians are off by more than 1e-4."""


@dataclass(frozen=True, kw_only=True)
class GaussianPlume:
    """A source with its wind."""

    rate_kg_h: float
    wind_m_s: float
    """That carries it, the same at all heights."""
    towards: float
    """Where the wind blows to, degrees clockwise from the top of the image."""
    stability: Stability = "B"
    age_s: float = math.inf
    """How long the source has been on: the plume ends `age_s * wind_m_s` downwind, smoothly, for it has
    spread along the wind as across."""

    def __post_init__(self) -> None:
        """Check what cannot be.

        Raises:
            UsageError: the rate is negative, or wind or age are not positive.
        """
        if not self.rate_kg_h >= 0:
            raise UsageError(f"a source of {self.rate_kg_h:g} kg/h emits nothing: rates are 0 or more")
        if not self.wind_m_s > 0:
            raise UsageError(f"a wind of {self.wind_m_s:g} m/s carries no plume: it must be above 0")
        if not self.age_s > 0:
            raise UsageError("a plume of no age has no mass: its age must be above 0")

    @property
    def length_m(self) -> float:
        """How far it reaches."""
        return self.age_s * self.wind_m_s

    @property
    def line_kg_m(self) -> float:
        """Mass in a metre along the wind."""
        return self.rate_kg_h / SECONDS / self.wind_m_s

    def spread(self, along: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return sigma_y in m so far downwind (m, above 0)."""
        return np.asarray(SPREAD[self.stability] * (along / 1000) ** POWER)

    def mass_kg(self) -> float:
        """Return the mass in the air: rate x age, and the little more that the smooth end adds.

        Infinite for a plume without end.
        """
        if math.isinf(self.length_m):
            return math.inf
        end = self._end_spread
        u = self.length_m / (math.sqrt(2) * end)
        half = self.length_m / 2 * math.erfc(-u) + end / math.sqrt(2 * math.pi) * math.exp(-(u**2))
        return self.line_kg_m * half

    @property
    def _end_spread(self) -> float:
        """Standard deviation in m of where the plume ends."""
        return float(self.spread(np.array([self.length_m]))[0])

    def at(
        self, along: NDArray[np.float64], across: NDArray[np.float64], step: float = 0.0
    ) -> NDArray[np.float64]:
        """Return the column in kg/m² at places downwind and across, in m; 0 upwind.

        Args:
            along: distance downwind.
            across: distance across the wind, of the same shape.
            step: between samples of a sum, in m, below whose resolution the plume is not let go.
        """
        found = np.zeros(np.shape(along))
        down = along > 0
        x, y = along[down], across[down]
        sigma = np.maximum(self.spread(x), LEAST_SPREAD * step)
        column = self.line_kg_m / (math.sqrt(2 * math.pi) * sigma) * np.exp(-(y**2) / (2 * sigma**2))
        if math.isfinite(self.length_m):
            column = column * erfc((x - self.length_m) / (math.sqrt(2) * self._end_spread)) / 2
        found[down] = column
        return found

    def over_pixels(
        self, shape: tuple[int, int], source: tuple[float, float], pixel_size_m: tuple[float, float]
    ) -> NDArray[np.float64]:
        """Return the mean column in ppm·m over each pixel (H, W).

        Every pixel is the mean of samples inside it, many where the plume is narrower than a pixel, so that
        the sum over pixels is the mass.

        Args:
            shape: (H, W).
            source: (row, column) position in pixels; n + 0.5 is a pixel's middle.
            pixel_size_m: (row step, column step).
        """
        found = self._block((0, 0), shape, source, pixel_size_m, COARSE)
        # Where sigma_y has grown to a pixel; one more for the pixel that the source stands in.
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
    """Return Pasquill's class of a clear day at mid-morning (moderate sun), by the wind in m/s.

    Of two classes that the table names for one wind, the less stable one (Pasquill 1961, Meteorological
    Magazine 90, 33-49; Turner 1970, Workbook of Atmospheric Dispersion Estimates, table 3-1).
    """
    return "A" if wind_m_s < 2 else "B" if wind_m_s < 5 else "C" if wind_m_s < 6 else "D"


def core(column: NDArray[np.float64], share: float = 0.5) -> NDArray[np.bool_]:
    """Return the fewest pixels (H, W) that hold a share of a plume's mass: the greatest columns."""
    order = np.argsort(column, axis=None)[::-1]
    summed = np.cumsum(column.ravel()[order])
    found = np.zeros(column.size, np.bool_)
    if summed.size and summed[-1] > 0:
        found[order[: int(np.searchsorted(summed, share * summed[-1])) + 1]] = True
    return found.reshape(column.shape)
