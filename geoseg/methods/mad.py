"""Multivariate alteration detection, plain (MAD) and iteratively reweighted (IR-MAD).

Canonical correlation analysis finds the linear combinations of the bands of two dates with maximum
correlation; their differences show change. They do not depend on affine changes of the radiometry of either
date, so gains, offsets and the atmosphere need not be known. Nielsen 2007, doi:10.1109/TIP.2006.888195.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, solve
from scipy.special import chdtr, chdtri

from geoseg.errors import SceneError

Matrix = NDArray[np.float64]

ROUNDS = 50
"""Largest number of iterations."""
SETTLED = 1e-3
"""Largest change of a canonical correlation at which the iteration ends."""
RIDGE = 1e-6
"""Share of the mean variance that is added to a singular covariance."""
MIN_DECORRELATION = 1e-9
"""Smallest value of 1 - correlation, so that the variates of equal dates are not 0 / 0."""
FLOOR = 0.1
"""Noise in standard deviations of each band, for differences of sensor and surface without change."""
SINGULAR = 1e-10
"""Reciprocal condition number below which a covariance is singular."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MadTransform:
    """Linear transforms of both dates, with the distribution of the difference of unchanged pixels."""

    mean_before: Matrix
    """(N,) means of the bands of the first date."""
    mean_after: Matrix
    """(N,) means of the bands of the second date."""
    before: Matrix
    """(N, N) a; column i gives canonical variate i of the first date, least correlated first."""
    after: Matrix
    """(N, N) b, the same for the second date, with signs that make all correlations positive."""
    correlations: Matrix
    """(N,) canonical correlations, ascending."""
    calibration: float
    """Factor of Z that gives its median the value of chi-square where nothing changed."""
    rounds: int
    """Number of iterations; 0 is plain MAD."""

    @property
    def bands(self) -> int:
        """N, the degrees of freedom of Z."""
        return len(self.correlations)

    def variates(self, before: Matrix, after: Matrix) -> Matrix:
        """Return the MAD variates (N, …) of two dates (N, …): a' (x - mean) - b' (y - mean).

        Their sign is the direction of the change.
        """
        flat = self._flat(before, self.mean_before, self.before) - self._flat(
            after, self.mean_after, self.after
        )
        return np.asarray(flat.reshape(before.shape))

    def z(self, before: Matrix, after: Matrix) -> Matrix:
        """Return Z (…): squared variates over their variances 2 (1 - rho), summed, times the calibration.

        For unchanged pixels it has a chi-square distribution with N degrees of freedom.
        """
        variances = 2 * np.maximum(1 - self.correlations, MIN_DECORRELATION)
        squares = self.variates(before, after) ** 2
        return np.asarray(np.tensordot(1 / variances, squares, axes=1) * self.calibration)

    def change_probability(self, z: Matrix) -> Matrix:
        """Return the chi-square probability (…) of a smaller Z, 0..1; near 1 for change."""
        return np.asarray(chdtr(self.bands, z))

    def _flat(self, values: Matrix, mean: Matrix, transform: Matrix) -> Matrix:
        flat = values.reshape(len(values), -1).astype(np.float64)
        return np.asarray(transform.T @ (flat - mean[:, np.newaxis]))


def fit_mad(
    before: Matrix, after: Matrix, *, rounds: int = ROUNDS, calibrate: bool = True, floor: float = 0.0
) -> MadTransform:
    """Fit MAD to a sample of pixels.

    In each iteration pixels are weighted by their probability of no change, until the correlations converge.
    The weights decrease the variances, so that most unchanged pixels would exceed a chi-square threshold: Z
    is scaled to the median of chi-square, which is valid while less than half of the pixels changed.

    Where the noise depends on the surface, the weights would converge to the surface with the least noise. A
    floor regularises both covariances (Nielsen 2007).

    Args:
        before: (N, n) float64, all finite.
        after: (N, n).
        rounds: largest number of iterations; 0: plain MAD.
        calibrate: whether Z is scaled.
        floor: assumed noise of both dates, in standard deviations of each band.

    Raises:
        SceneError: there are too few pixels, or a band is constant.
    """
    count, size = before.shape
    if size < 10 * count * count:
        raise SceneError(
            f"{size} pixels observed on both dates are too few to compare {count} bands; use a larger area"
        )
    # In standard deviations of each band, so that results do not depend on units and sums lose no digits.
    scales = [_scale(values) for values in (before, after)]
    x, y = (values / scale[:, np.newaxis] for values, scale in zip((before, after), scales, strict=True))
    weights = np.ones(size)
    correlations = np.full(count, np.inf)
    done = 0
    for done in range(rounds + 1):
        previous, fitted = correlations, _canonical(x, y, weights, floor)
        correlations = fitted.correlations
        z = fitted.z(x, y)
        if done == rounds or np.abs(correlations - previous).max() < SETTLED:
            break
        weights = 1 - chdtr(count, z)
        if weights.sum() < 10 * count * count:
            break
    # `chdtri` is the inverse of the upper tail.
    middle = float(np.median(z))
    # Not above 1: between nearly equal dates any difference would be change.
    factor = min(1.0, float(chdtri(count, 0.5)) / middle) if calibrate and middle > 0 else 1.0
    return MadTransform(
        mean_before=fitted.mean_before * scales[0],
        mean_after=fitted.mean_after * scales[1],
        before=fitted.before / scales[0][:, np.newaxis],
        after=fitted.after / scales[1][:, np.newaxis],
        correlations=correlations,
        calibration=factor,
        rounds=done,
    )


def no_change_weights(fitted: MadTransform, before: Matrix, after: Matrix) -> Matrix:
    """Return the probability of no change (n,) of each pixel (N, n)."""
    return 1 - fitted.change_probability(fitted.z(before, after))


def _scale(values: Matrix) -> Matrix:
    """Return the standard deviation of each band.

    Raises:
        SceneError: a band is constant.
    """
    scale = values.std(axis=1)
    if not np.all(scale > 0):
        raise SceneError(f"band {int(np.argmin(scale)) + 1} of a date has the same value in all pixels")
    return np.asarray(scale)


def _canonical(x: Matrix, y: Matrix, weights: Matrix, floor: float) -> MadTransform:
    """Return a weighted canonical correlation analysis without calibration."""
    total = weights.sum()
    mean_x, mean_y = x @ weights / total, y @ weights / total
    dx, dy = x - mean_x[:, np.newaxis], y - mean_y[:, np.newaxis]
    s11, s22 = _regular((dx * weights) @ dx.T / total), _regular((dy * weights) @ dy.T / total)
    s12 = (dx * weights) @ dy.T / total
    noise = floor**2 * np.eye(len(s11))
    s11, s22 = s11 + noise, s22 + noise
    inner = s12 @ solve(s22, s12.T, assume_a="pos")
    squares, a = eigh((inner + inner.T) / 2, s11)
    rho = np.sqrt(np.clip(squares, 0, 1))
    # A variate with a correlation of 0 has no counterpart in the second date: b is then noise.
    b = solve(s22, s12.T @ a, assume_a="pos")
    b /= np.maximum(np.sqrt(np.einsum("ij,ik,kj->j", b, s22, b)), np.finfo(np.float64).tiny)
    return MadTransform(
        mean_before=mean_x,
        mean_after=mean_y,
        before=a,
        after=b,
        correlations=rho,
        calibration=1.0,
        rounds=0,
    )


def _regular(covariance: Matrix) -> Matrix:
    """Return a covariance that is not singular, by a ridge where needed."""
    values = np.linalg.eigvalsh(covariance)
    if values[0] > SINGULAR * values[-1]:
        return covariance
    return np.asarray(covariance + np.eye(len(covariance)) * RIDGE * np.trace(covariance) / len(covariance))
