"""Methane columns from two short-wave infrared bands of Sentinel-2 and Landsat.

Methane absorbs at 2.3 µm more than at 1.6 µm, so that a plume darkens one band against the other. Varon 2021,
doi:10.5194/amt-14-2771-2021. Its methods differ in what `fit_ratio` and `ratio_change` compare: 2.3 µm with
the same band of a day without plume (single-band, multi-pass: SBMP), or with 1.6 µm of the same moment
(multi-band, single-pass: MBSP), or the second less the second of another day (MBMP). Inputs are
top-of-atmosphere reflectance (H, W), NaN where not observed or not clear.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import SceneError, UsageError
from geoseg.methods.methane_rate import MOL_PER_PPM_M

Image = NDArray[np.float32] | NDArray[np.float64]

TABLE_AIR_MASS = 2.0
"""Air-mass factor at which the table of transmittance counts its amounts: its source states one geometry
without its angles, and is taken to be sun and sensor overhead, once down and once up."""

EXCLUDED_SIGMAS = 2.0
"""Standard deviations beyond which a pixel is kept out of the second fit: it may be plume."""


def slope_through_origin(x: Image, y: Image, use: NDArray[np.bool_]) -> float:
    """Return the c of y = c x by least squares: sum(x y) / sum(x²).

    Raises:
        SceneError: no pixel can be used.
    """
    usable = use & np.isfinite(x) & np.isfinite(y)
    first, second = np.asarray(x[usable], np.float64), np.asarray(y[usable], np.float64)
    squares = float((first * first).sum())
    if not squares > 0:
        raise SceneError("no clear pixel is left to compare the short-wave infrared bands on")
    return float((first * second).sum() / squares)


def fit_ratio(strong: Image, weak: Image) -> float:
    """Return the c that brings one image to the other, without bias by a plume.

    It is fitted twice: the second time without pixels that lay more than two standard deviations off.

    Args:
        strong: the image with the stronger absorption, any shape; NaN where it is not to be used.
        weak: what it is compared with: the other band, or the same band of another day.

    Raises:
        SceneError: no pixel can be used.
    """
    first = slope_through_origin(strong, weak, _comparable(strong, weak))
    change = ratio_change(strong, weak, first)
    known = np.isfinite(change)
    near = known & (np.abs(change) <= EXCLUDED_SIGMAS * change[known].std())
    return slope_through_origin(strong, weak, near)


def ratio_change(strong: Image, weak: Image, c: float) -> NDArray[np.float64]:
    """Return how much darker one image is than the other says, (c strong - weak) / weak.

    Negative in a plume, NaN where either is unknown.
    """
    known = _comparable(strong, weak)
    change = np.full(strong.shape, np.nan)
    change[known] = (c * strong[known].astype(np.float64) - weak[known]) / weak[known]
    return change


def _comparable(strong: Image, weak: Image) -> NDArray[np.bool_]:
    """Where both are known and the divisor is not 0."""
    return np.asarray(np.isfinite(strong) & np.isfinite(weak) & (weak > 0))


@dataclass(frozen=True, kw_only=True, eq=False)
class Transmittance:
    """How added methane dims the radiance that reaches the sensor, by wavelength."""

    wavelength: NDArray[np.float64]
    """(n,) nm, ascending."""
    radiance: NDArray[np.float64]
    """(n,) without added methane, any unit."""
    ppm_m: NDArray[np.float64]
    """(k,) amounts added, ascending from 0."""
    ratio: NDArray[np.float64]
    """(k, n) radiance with each amount by that without."""

    def in_band(self, low: float, high: float) -> NDArray[np.float64]:
        """Return the ratio (k,) of the radiances that a box band-pass from `low` to `high` nm collects.

        Raises:
            UsageError: the table does not cover the band.
        """
        inside = (self.wavelength >= low) & (self.wavelength <= high)
        x = self.wavelength[inside]
        if x.size < 2 or np.diff(x).max() > 5:
            raise UsageError(f"the methane table does not cover {low:g} to {high:g} nm")
        without = np.trapezoid(self.radiance[inside], x)
        return np.asarray(np.trapezoid(self.radiance[inside] * self.ratio[:, inside], x, axis=1) / without)


@dataclass(frozen=True, kw_only=True, eq=False)
class Column:
    """Enhancements with whether they lay beyond what the table knows."""

    mol_m2: NDArray[np.float64]
    """(H, W); kept at the table's end where saturated."""
    saturated: NDArray[np.bool_]
    """(H, W)."""


def response(
    table: Transmittance, strong: tuple[float, float], weak: tuple[float, float] | None
) -> NDArray[np.float64]:
    """Return the relative change (k,) that each amount of the table makes.

    Args:
        table: of the gas.
        strong: limits in nm of the band with the stronger absorption.
        weak: of the other band; None: of one band alone.
    """
    ratio = table.in_band(*strong)
    return ratio - 1 if weak is None else ratio / table.in_band(*weak) - 1


def enhancement(change: NDArray[np.float64], ppm_m: NDArray[np.float64], made: NDArray[np.float64]) -> Column:
    """Return the methane that explains a relative change, by monotone interpolation in the table.

    Args:
        change: (H, W) relative change, negative in a plume. Where it is positive, the enhancement is
            negative: the table mirrored, so that noise about zero stays noise about zero.
        ppm_m: (k,) amounts from 0.
        made: (k,) the change that each makes, descending from 0.

    Raises:
        UsageError: the response is not monotone.
    """
    if abs(made[0]) > 1e-9 or not (np.diff(made) < 0).all():
        raise UsageError("a response to methane must fall from 0: check the limits of the bands")
    # Mirrored below zero, and kept at its end there too: noise is then as far below as above.
    found = np.sign(-change) * np.interp(np.abs(change), -made, ppm_m)
    found[np.isnan(change)] = np.nan
    return Column(mol_m2=found * MOL_PER_PPM_M, saturated=change < made[-1])
