"""Multivariate alteration detection, plain (MAD) and iteratively reweighted (IR-MAD).

Canonical correlation finds the combinations of bands of two dates that resemble each other most; what is
left between them is change. It does not depend on any affine change of either date's radiometry: no
atmosphere, gain or offset has to be known. Nielsen 2007, doi:10.1109/TIP.2006.888195.
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
"""Most iterations."""
SETTLED = 1e-3
"""Largest change of a canonical correlation at which the iteration ends."""
RIDGE = 1e-6
"""Of the mean variance: added to a covariance that cannot be inverted."""
LEAST_UNLIKE = 1e-9
"""Least 1 - correlation: two dates that are equal differ by nothing, not by 0 / 0."""
FLOOR = 0.1
"""Of each band's spread: differences that sensors and ground show anyway."""
SINGULAR = 1e-10
"""Reciprocal condition number below which a covariance is taken for singular."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Mad:
    """The linear transforms of both dates, and what their difference is where nothing changed."""

    mean_before: Matrix
    """(N,)."""
    mean_after: Matrix
    """(N,)."""
    before: Matrix
    """(N, N) a; column i makes the first date's i-th canonical variate, least correlated first."""
    after: Matrix
    """(N, N) b, the same for the second date; the signs are such that all correlations are positive."""
    correlations: Matrix
    """(N,) canonical correlations, ascending."""
    calibration: float
    """Z is multiplied by it, so that its median on unchanged ground is that of chi-square."""
    rounds: int
    """Iterations made: 0 is plain MAD."""

    @property
    def bands(self) -> int:
        """N: degrees of freedom of Z."""
        return len(self.correlations)

    def variates(self, before: Matrix, after: Matrix) -> Matrix:
        """Return the MAD variates (N, …) of two dates (N, …): a' (x - mean) - b' (y - mean).

        Their sign says in which direction a pixel changed.
        """
        flat = self._flat(before, self.mean_before, self.before) - self._flat(
            after, self.mean_after, self.after
        )
        return np.asarray(flat.reshape(before.shape))

    def z(self, before: Matrix, after: Matrix) -> Matrix:
        """Return Z (…): squared variates over their variances 2 (1 - rho), summed, times the calibration.

        Where nothing changed, it is distributed like chi-square with N degrees of freedom.
        """
        variances = 2 * np.maximum(1 - self.correlations, LEAST_UNLIKE)
        squares = self.variates(before, after) ** 2
        return np.asarray(np.tensordot(1 / variances, squares, axes=1) * self.calibration)

    def change_probability(self, z: Matrix) -> Matrix:
        """Return the chi-square probability (…) of a smaller Z, 0..1: near 1 is change."""
        return np.asarray(chdtr(self.bands, z))

    def _flat(self, values: Matrix, mean: Matrix, transform: Matrix) -> Matrix:
        flat = values.reshape(len(values), -1).astype(np.float64)
        return np.asarray(transform.T @ (flat - mean[:, np.newaxis]))


def fit_mad(
    before: Matrix, after: Matrix, *, rounds: int = ROUNDS, calibrate: bool = True, floor: float = 0.0
) -> Mad:
    """Fit MAD to a sample of pixels.

    With rounds, each pixel is weighted by the probability that it did not change, until the correlations
    settle. These weights shrink the variances, so that most of an unchanged scene would exceed a chi-square
    limit: Z is therefore scaled to have chi-square's median, which holds while less than half has changed.

    Where some ground is noisier than the rest, the weights would settle on the calmer ground and call all
    other changed. A floor regularises both covariances, as Nielsen 2007 does.

    Args:
        before: (N, n) float64, all finite.
        after: (N, n).
        rounds: most iterations; 0: plain MAD.
        calibrate: whether Z is scaled.
        floor: noise of both dates that is taken for granted, in standard deviations of each band.

    Raises:
        SceneError: too few pixels, or a band that does not vary.
    """
    count, size = before.shape
    if size < 10 * count * count:
        raise SceneError(f"{size} pixels seen on both dates are too few to compare {count} bands")
    # In units of each band's spread: nothing below depends on the units, and sums lose no digits.
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
    # The inverse of the upper tail: the median.
    middle = float(np.median(z))
    # Never upwards: between two dates that hardly differ, the least difference would be a change.
    factor = min(1.0, float(chdtri(count, 0.5)) / middle) if calibrate and middle > 0 else 1.0
    return Mad(
        mean_before=fitted.mean_before * scales[0],
        mean_after=fitted.mean_after * scales[1],
        before=fitted.before / scales[0][:, np.newaxis],
        after=fitted.after / scales[1][:, np.newaxis],
        correlations=correlations,
        calibration=factor,
        rounds=done,
    )


def no_change_weights(fitted: Mad, before: Matrix, after: Matrix) -> Matrix:
    """Return the probability (n,) that each pixel (N, n) did not change."""
    return 1 - fitted.change_probability(fitted.z(before, after))


def _scale(values: Matrix) -> Matrix:
    """Standard deviation of each band.

    Raises:
        SceneError: a band does not vary.
    """
    scale = values.std(axis=1)
    if not np.all(scale > 0):
        raise SceneError(f"band {int(np.argmin(scale)) + 1} of a date has one value everywhere")
    return np.asarray(scale)


def _canonical(x: Matrix, y: Matrix, weights: Matrix, floor: float) -> Mad:
    """One weighted canonical correlation analysis; Z is not calibrated."""
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
    # A correlation of zero has no partner; its variate is the first date's alone, with the second's noise.
    b = solve(s22, s12.T @ a, assume_a="pos")
    b /= np.maximum(np.sqrt(np.einsum("ij,ik,kj->j", b, s22, b)), np.finfo(np.float64).tiny)
    return Mad(
        mean_before=mean_x,
        mean_after=mean_y,
        before=a,
        after=b,
        correlations=rho,
        calibration=1.0,
        rounds=0,
    )


def _regular(covariance: Matrix) -> Matrix:
    """A covariance that can be inverted; unchanged where it already can."""
    values = np.linalg.eigvalsh(covariance)
    if values[0] > SINGULAR * values[-1]:
        return covariance
    return np.asarray(covariance + np.eye(len(covariance)) * RIDGE * np.trace(covariance) / len(covariance))
