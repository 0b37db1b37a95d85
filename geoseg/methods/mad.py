"""Multivariate alteration detection, plain (MAD) and iteratively reweighted (IR-MAD).

Canonical correlation analysis finds the linear combinations of the bands of two dates with maximum
correlation; their differences show change. They do not depend on affine changes of the radiometry of either
date, so gains, offsets and the atmosphere need not be known. Nielsen 2007, doi:10.1109/TIP.2006.888195.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, solve
from scipy.special import chdtr, chdtri

from geoseg.errors import SceneError

Matrix = NDArray[np.float64]
Values = NDArray[np.float32] | NDArray[np.float64]

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

PRODUCTS = 2**18
"""Multiplications of one product of matrices. OpenBLAS computes products of this size on one thread; their
arrays stay in the cache of a core."""
LEAST_BLOCK = 256
"""Least number of pixels of a block."""


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

    def z(self, before: Values, after: Values) -> Matrix:
        """Return Z (…): squared variates over their variances 2 (1 - rho), summed, times the calibration.

        The variates of two dates (N, …) are a' (x - mean) - b' (y - mean). For unchanged pixels, Z has a
        chi-square distribution with N degrees of freedom.
        """
        out = np.empty(before.shape[1:])
        flat = out.reshape(-1)
        for part, z in self._blocks(before, after):
            flat[part] = z
        return out

    def root_z(self, before: Values, after: Values, ceiling: float = np.inf) -> NDArray[np.float32]:
        """Return the square root of Z (…), limited to a ceiling."""
        out = np.empty(before.shape[1:], np.float32)
        flat = out.reshape(-1)
        for part, z in self._blocks(before, after):
            np.sqrt(z, out=z)
            np.minimum(z, ceiling, out=z)
            flat[part] = z
        return out

    def change_probability(self, z: Matrix) -> Matrix:
        """Return the chi-square probability (…) of a smaller Z, 0..1; near 1 for change."""
        return np.asarray(chdtr(self.bands, z))

    def _blocks(self, before: Values, after: Values) -> Iterator[tuple[slice, Matrix]]:
        """Yield the positions of some pixels, and their Z in an array that the next block overwrites."""
        count = self.bands
        flat = before.reshape(count, -1), after.reshape(count, -1)
        means = self.mean_before[:, np.newaxis], self.mean_after[:, np.newaxis]
        variances = 2 * np.maximum(1 - self.correlations, MIN_DECORRELATION)
        # The variates of both dates in units of their standard deviation: one product of matrices.
        matrix = np.concatenate([self.before, -self.after]).T * np.sqrt(self.calibration / variances)[:, None]
        length = _block_length(count, 2 * count)
        both, variates, z = np.empty((2 * count, length)), np.empty((count, length)), np.empty(length)
        for part in _parts(flat[0].shape[1], length):
            size = part.stop - part.start
            for date, mean, apart in zip(flat, means, (both[:count], both[count:]), strict=True):
                np.subtract(date[:, part], mean, out=apart[:, :size])
            found = np.matmul(matrix, both[:, :size], out=variates[:, :size])
            np.multiply(found, found, out=found)
            yield part, np.add.reduce(found, axis=0, out=z[:size])


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
    count = len(x)
    covariance = _products(x, y, mean_x, mean_y, weights) / total
    s11, s22 = _regular(covariance[:count, :count]), _regular(covariance[count:, count:])
    s12 = covariance[:count, count:]
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


def _products(x: Matrix, y: Matrix, mean_x: Matrix, mean_y: Matrix, weights: Matrix) -> Matrix:
    """Return weighted sums of products (2N, 2N) of the deviations of two dates (N, n) from their means."""
    count, size = x.shape
    length = _block_length(2 * count, 2 * count)
    both, weighted = np.empty((2, 2 * count, length))
    sums, product = np.zeros((2, 2 * count, 2 * count))
    for part in _parts(size, length):
        apart, heavy = both[:, : part.stop - part.start], weighted[:, : part.stop - part.start]
        np.subtract(x[:, part], mean_x[:, np.newaxis], out=apart[:count])
        np.subtract(y[:, part], mean_y[:, np.newaxis], out=apart[count:])
        np.multiply(apart, weights[part], out=heavy)
        sums += np.matmul(heavy, apart.T, out=product)
    return np.asarray(sums)


def _block_length(rows: int, cols: int) -> int:
    """Return the number of pixels of a block whose product with a matrix has `PRODUCTS` multiplications."""
    return max(LEAST_BLOCK, PRODUCTS // (rows * cols))


def _parts(size: int, length: int) -> Iterator[slice]:
    """Yield consecutive slices of up to `length` of 0..size."""
    for start in range(0, size, length):
        yield slice(start, min(start + length, size))


def _regular(covariance: Matrix) -> Matrix:
    """Return a covariance that is not singular, by a ridge where needed."""
    values = np.linalg.eigvalsh(covariance)
    if values[0] > SINGULAR * values[-1]:
        return covariance
    return np.asarray(covariance + np.eye(len(covariance)) * RIDGE * np.trace(covariance) / len(covariance))
