"""Methane columns from imaging spectrometers: the classical matched filter and mag1c.

Both detect the absorption spectrum of methane in radiance with a normally distributed background, and return
the column enhancement in ppm·m. mag1c (Foote 2020, doi:10.1109/TGRS.2020.2976888) corrects for the albedo of
each pixel and makes the enhancement sparse and non-negative.

Pixels with a common background are a group. It is given in chunks that are read in every iteration; means and
covariances are sums over the group and do not depend on the chunks. mag1c subtracts the enhancement of the
last iteration from the radiance, x - a t with a = albedo x enhancement. The sums of that follow from those of
the radiance and from sums of a, a² and a x, so each iteration reads the chunks once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dposv

from geoseg.errors import SceneError

Matrix = NDArray[np.float64]
Over = Callable[[Callable[..., Any], Iterable["Chunk"]], Iterable[Any]]
"""Applies a function to chunks and returns the results in order: `map`, or that of a pool of threads."""

UNIT = 1e5
"""Unit of the unit absorption spectrum in ppm·m, so that its values are near one."""

SHRINK = 1e-4
"""Share of the covariance that is replaced by its diagonal."""

LEAST_PIXELS = 10
"""Number of pixels that a group must exceed to have a covariance."""

ROUNDS = 30
"""Iterations of mag1c."""

TINY = 1e-9
DARKEST = 1e-6
"""Smallest albedo relative to the mean of the group; darker pixels get this value."""


class Chunk(Protocol):
    """Some pixels of a group, with their results."""

    def radiance(self) -> Matrix:
        """Return the radiance (n, B), float64 and finite, the same in every call."""

    def enhancement(self) -> Matrix:
        """Return the enhancement (n,) that was stored last."""

    def store_enhancement(self, enhancement: Matrix) -> None:
        """Store the enhancement (n,)."""

    def store_signal(self, signal: Matrix) -> None:
        """Store the enhancement (n,) without sparsity, whose noise has either sign."""


class InMemory:
    """A chunk in memory."""

    def __init__(self, radiance: Matrix) -> None:
        """Hold radiance (n, B), float64 and finite."""
        self._radiance = radiance
        self._enhancement: Matrix = np.zeros(len(radiance))
        self._signal: Matrix = self._enhancement

    def radiance(self) -> Matrix:
        """Return the radiance (n, B)."""
        return self._radiance

    def enhancement(self) -> Matrix:
        """Return the enhancement (n,) that was stored last."""
        return self._enhancement

    def store_enhancement(self, enhancement: Matrix) -> None:
        """Store the enhancement (n,)."""
        self._enhancement = enhancement

    def signal(self) -> Matrix:
        """Return the signal (n,) that was stored last."""
        return self._signal

    def store_signal(self, signal: Matrix) -> None:
        """Store the enhancement (n,) without sparsity."""
        self._signal = signal


def matched_filter(radiance: Matrix, absorption: Matrix) -> Matrix:
    """Return the enhancement in ppm·m by the classical matched filter, see `filter_group`.

    Args:
        radiance: (n, B) float64 of one group of detector columns, all finite.
        absorption: (B,) per 1e5 ppm·m.

    Returns:
        (n,), of mean 0 over the group by construction.

    Raises:
        SceneError: the group is too small.
    """
    chunk = InMemory(radiance)
    filter_group([chunk], absorption)
    return chunk.enhancement()


def mag1c(radiance: Matrix, absorption: Matrix, rounds: int = ROUNDS) -> Matrix:
    """Return the enhancement in ppm·m by mag1c, see `mag1c_group`.

    Args:
        radiance: (n, B) float64 of one group of detector columns, all finite.
        absorption: (B,) per 1e5 ppm·m.
        rounds: iterations of reweighting.

    Returns:
        (n,), 0 or more.

    Raises:
        SceneError: the group is too small.
    """
    chunk = InMemory(radiance)
    mag1c_group([chunk], absorption, rounds)
    return chunk.enhancement()


def filter_group(chunks: Sequence[Chunk], absorption: Matrix, over: Over = map) -> None:
    """Store in each chunk of a group the enhancement in ppm·m by the classical matched filter.

    (x - mean)' C⁻¹ t / (t' C⁻¹ t) with t = absorption x mean; C is shrunk towards its diagonal.

    Args:
        chunks: iterated twice, in one order.
        absorption: (B,) per 1e5 ppm·m.
        over: applies a function to the chunks, perhaps on several threads; the result does not depend on it.

    Raises:
        SceneError: the group is too small.
    """
    sums = _Sums(chunks, absorption, over)

    def retrieve(chunk: Chunk) -> None:
        enhancement = sums.project(chunk.radiance())
        enhancement /= sums.energy
        enhancement *= UNIT
        chunk.store_enhancement(enhancement)
        chunk.store_signal(enhancement)

    for _ in over(retrieve, chunks):
        pass


def mag1c_group(chunks: Sequence[Chunk], absorption: Matrix, rounds: int = ROUNDS, over: Over = map) -> None:
    """Store in each chunk of a group the enhancement in ppm·m by mag1c: sparse, and not negative.

    The signal is that of the last iteration without sparsity: the matched filter with a background without
    methane, corrected for albedo. Its noise has either sign, so false alarms can be estimated from it; most
    pixels of the sparse enhancement are 0.

    Args:
        chunks: iterated `rounds` + 2 times, in one order.
        absorption: (B,) per 1e5 ppm·m.
        rounds: iterations of reweighting.
        over: as of `filter_group`.

    Raises:
        SceneError: the group is too small.
    """
    sums = _Sums(chunks, absorption, over)
    bright = sums.mean / (sums.mean @ sums.mean)
    for turn in range(rounds + 1):
        if turn:
            sums.subtract()

        def reweight(chunk: Chunk, *, first: bool = not turn, last: bool = turn == rounds) -> _Gas:
            radiance = chunk.radiance()
            albedo = radiance @ bright
            np.maximum(albedo, DARKEST, out=albedo)
            signal = sums.project(radiance)
            if last:
                chunk.store_signal(signal / (albedo * sums.energy) * UNIT)
            if not first:
                signal -= 1 / (albedo * (chunk.enhancement() / UNIT + TINY))
            signal /= albedo * (sums.energy if first else max(1.0, sums.energy))
            enhancement = np.maximum(signal, 0, out=signal)
            albedo *= enhancement
            chunk.store_enhancement(enhancement * UNIT)
            return sums.gas(radiance, albedo)

        for gas in list(over(reweight, chunks)):
            sums.add(gas)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Gas:
    """Sums over the pixels of a chunk of the gas that is subtracted, in multiples of the target."""

    total: float
    squared: float
    crossed: Matrix
    """(B,) gas times radiance about the origin."""


class _Sums:
    """Mean, target and covariance of the background of a group, from which methane is subtracted."""

    def __init__(self, chunks: Sequence[Chunk], absorption: Matrix, over: Over) -> None:
        """Sum over the group without subtraction.

        Raises:
            SceneError: the group is too small.
        """
        self._absorption = absorption
        # About a mean of the first pixels, so that products lose no digits.
        parts = (chunk.radiance() for chunk in chunks)
        self._origin = next((part.mean(axis=0) for part in parts if len(part)), np.zeros(len(absorption)))
        total, self._count = np.zeros(len(absorption)), 0
        self._products = np.zeros((len(absorption), len(absorption)))
        for part, products, size in over(self._sums_of, chunks):
            total += part
            self._products += products
            self._count += size
        if self._count <= LEAST_PIXELS:
            raise SceneError(
                f"{self._count} pixels of a group of detector columns are too few for a covariance"
            )
        # About the mean of the group from here on, as `subtract` expects.
        shift = total / self._count
        self._products -= self._count * (shift[:, np.newaxis] * shift)
        self._origin = self._origin + shift
        self._clear()
        self._solve(self._origin, self._products / self._count)

    def project(self, radiance: Matrix) -> Matrix:
        """Return (x - mean)' C⁻¹ t, (n,)."""
        signal: Matrix = radiance @ self._shaped
        signal -= self.mean @ self._shaped
        return signal

    def gas(self, radiance: Matrix, gas: Matrix) -> _Gas:
        """Return the sums of gas (n,), in multiples of the target, and of its products with the radiance."""
        total = gas.sum()
        return _Gas(
            total=float(total), squared=float(gas @ gas), crossed=gas @ radiance - total * self._origin
        )

    def add(self, gas: _Gas) -> None:
        """Add gas that `subtract` subtracts."""
        self._gas += gas.total
        self._squared += gas.squared
        self._crossed += gas.crossed

    def subtract(self) -> None:
        """Replace the background by x - a t, where a is the gas that was added and t the present target."""
        shift = -self._gas / self._count * self.target
        cross = self._crossed[:, np.newaxis] * self.target
        products = self._products - cross
        products -= cross.T
        products += self._squared * (self.target[:, np.newaxis] * self.target)
        products /= self._count
        products -= shift[:, np.newaxis] * shift
        self._clear()
        self._solve(self._origin + shift, products)

    def _sums_of(self, chunk: Chunk) -> tuple[Matrix, Matrix, int]:
        """Return sum (B,) and products (B, B) of the radiance about the origin, and the number of pixels."""
        apart = chunk.radiance() - self._origin
        return apart.sum(axis=0), np.asarray(apart.T @ apart), len(apart)

    def _clear(self) -> None:
        """Reset the sums of gas."""
        self._gas, self._squared = 0.0, 0.0
        self._crossed = np.zeros(len(self._absorption))

    def _solve(self, mean: Matrix, covariance: Matrix) -> None:
        """Set mean, target and filter; the covariance is overwritten.

        Raises:
            SceneError: bands are constant, or multiples of each other.
        """
        diagonal = covariance.diagonal().copy()
        covariance *= 1 - SHRINK
        covariance.flat[:: len(covariance) + 1] += SHRINK * diagonal
        self.mean, self.target = mean, self._absorption * mean
        # Without the checks of `cho_factor`, which cost more than the solution of so small a system.
        _, solution, failed = dposv(covariance, self.target, lower=1)
        if failed:
            raise SceneError("the radiance of a group of detector columns does not vary in every band")
        self._shaped: Matrix = solution
        self.energy = float(self.target @ self._shaped)
