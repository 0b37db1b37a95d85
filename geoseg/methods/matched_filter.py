"""Methane columns from imaging spectrometers: the classical matched filter and mag1c.

Both look for the spectrum of methane's absorption in radiance whose background is one normal distribution,
and give ppm·m. mag1c (Foote 2020, doi:10.1109/TGRS.2020.2976888) weights by each pixel's albedo, and wants
few pixels to hold gas and none to hold less than none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from geoseg.errors import SceneError
from geoseg.methods.methane_column import Transmittance

Matrix = NDArray[np.float64]

UNIT = 1e5
"""Unit absorption is per so many ppm·m, which keeps its numbers near one."""

SHRINK = 1e-4
"""Share of the covariance that is replaced by its diagonal."""

LEAST_PIXELS = 10
"""Groups of so few pixels or fewer have no covariance."""

ROUNDS = 30
"""Iterations of mag1c."""

TINY = 1e-9
FWHM = 2 * np.sqrt(2 * np.log(2))
"""Full width at half maximum of a normal distribution, in its standard deviations."""


def unit_absorption(table: Transmittance, centres: Matrix, fwhm: Matrix) -> Matrix:
    """Return the change of ln(radiance) per 1e5 ppm·m in each band, (B,), 0 or less.

    The table is weighted by Gaussians of the bands' widths; the slope is that of a line over all amounts.

    Args:
        table: of the gas.
        centres: (B,) nm.
        fwhm: (B,) nm.

    Raises:
        SceneError: a band lies beyond the table.
    """
    slopes = []
    for centre, width in zip(centres, fwhm, strict=True):
        weight = np.exp(-0.5 * ((table.wavelength - centre) * FWHM / width) ** 2)
        near = np.abs(table.wavelength - centre) <= width
        if near.sum() < 3:
            raise SceneError(f"a band at {centre:g} nm lies beyond the table of methane's absorption")
        light = np.trapezoid(weight * table.radiance * table.ratio, table.wavelength, axis=1)
        slopes.append(np.polyfit(table.ppm_m, np.log(light / light[0]), 1)[0] * UNIT)
    return np.asarray(slopes)


def matched_filter(radiance: Matrix, absorption: Matrix) -> Matrix:
    """Return the enhancement in ppm·m by the classical matched filter.

    (x - mean)' C⁻¹ t / (t' C⁻¹ t) with t = absorption x mean; C is shrunk towards its diagonal.

    Args:
        radiance: (n, B) float64 of one group of detector columns, all finite.
        absorption: (B,) per 1e5 ppm·m.

    Returns:
        (n,), of mean 0 over the group by construction.

    Raises:
        SceneError: the group is too small.
    """
    mean, target, factor = _background(radiance, absorption)
    shaped = cho_solve(factor, target)
    return np.asarray((radiance - mean) @ shaped / (target @ shaped) * UNIT)


def mag1c(radiance: Matrix, absorption: Matrix, rounds: int = ROUNDS) -> Matrix:
    """Return the enhancement in ppm·m by mag1c: albedo-corrected, sparse, not negative.

    Args:
        radiance: (n, B) float64 of one group of detector columns, all finite.
        absorption: (B,) per 1e5 ppm·m.
        rounds: of reweighting.

    Returns:
        (n,), 0 or more.

    Raises:
        SceneError: the group is too small.
    """
    mean, target, factor = _background(radiance, absorption)
    albedo = radiance @ mean / (mean @ mean)
    shaped = cho_solve(factor, target)
    found = np.maximum(0, (radiance - mean) @ shaped / (albedo * (target @ shaped)))
    for _ in range(rounds):
        background = radiance - (albedo * found)[:, np.newaxis] * target
        mean, target, factor = _background(background, absorption)
        shaped = cho_solve(factor, target)
        energy = max(1.0, float(target @ shaped))
        sparse = 1 / (albedo * (found + TINY))
        found = np.maximum(0, ((radiance - mean) @ shaped - sparse) / (albedo * energy))
    return np.asarray(found * UNIT)


def _background(radiance: Matrix, absorption: Matrix) -> tuple[Matrix, Matrix, tuple[Matrix, bool]]:
    """Mean, target and factored covariance of a group.

    Raises:
        SceneError: the group is too small.
    """
    if len(radiance) <= LEAST_PIXELS:
        raise SceneError(f"{len(radiance)} pixels of a detector column are too few for a covariance")
    mean = radiance.mean(axis=0)
    apart = radiance - mean
    covariance = apart.T @ apart / len(radiance)
    covariance = (1 - SHRINK) * covariance + SHRINK * np.diag(np.diag(covariance))
    return mean, absorption * mean, cho_factor(covariance, lower=True)
