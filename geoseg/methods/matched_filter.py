"""Methane columns from imaging spectrometers: the classical matched filter and mag1c.

Both look for the spectrum of methane's absorption in radiance whose background is one normal distribution,
and give ppm·m. mag1c (Foote 2020, doi:10.1109/TGRS.2020.2976888) weights by each pixel's albedo, and wants
few pixels to hold gas and none to hold less than none.

The pixels of one background are a group, given in chunks that are read again in every iteration: means and
covariances are sums over the whole group, however it is cut. mag1c takes the gas that it has found out of
the radiance, x - a t with a = albedo x enhancement; the sums of that follow from the group's own and from
sums of a, a² and a x, so one reading serves an iteration.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from geoseg.errors import SceneError

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
DARKEST = 1e-6
"""Least albedo, of the group's mean: darker pixels, whose radiance is noise, are taken for so bright."""


class Chunk(Protocol):
    """Some pixels of a group; all chunks together are the group."""

    def radiance(self) -> Matrix:
        """(n, B) float64, all finite; the same in every call."""

    def found(self) -> Matrix:
        """(n,) what was kept last."""

    def keep(self, found: Matrix) -> None:
        """Keep the enhancement (n,)."""

    def keep_signal(self, signal: Matrix) -> None:
        """Keep the enhancement (n,) before it is made sparse: of either sign, as noise is."""


class InMemory:
    """A chunk whose pixels are an array."""

    def __init__(self, radiance: Matrix) -> None:
        """Take (n, B) float64, all finite."""
        self._radiance = radiance
        self._found: Matrix = np.zeros(len(radiance))
        self._signal: Matrix = self._found

    def radiance(self) -> Matrix:
        """(n, B)."""
        return self._radiance

    def found(self) -> Matrix:
        """(n,)."""
        return self._found

    def keep(self, found: Matrix) -> None:
        """Keep the enhancement (n,)."""
        self._found = found

    def signal(self) -> Matrix:
        """(n,) that was kept last."""
        return self._signal

    def keep_signal(self, signal: Matrix) -> None:
        """Keep the enhancement (n,) before it is made sparse."""
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
    return chunk.found()


def mag1c(radiance: Matrix, absorption: Matrix, rounds: int = ROUNDS) -> Matrix:
    """Return the enhancement in ppm·m by mag1c, see `mag1c_group`.

    Args:
        radiance: (n, B) float64 of one group of detector columns, all finite.
        absorption: (B,) per 1e5 ppm·m.
        rounds: of reweighting.

    Returns:
        (n,), 0 or more.

    Raises:
        SceneError: the group is too small.
    """
    chunk = InMemory(radiance)
    mag1c_group([chunk], absorption, rounds)
    return chunk.found()


def filter_group(chunks: Sequence[Chunk], absorption: Matrix) -> None:
    """Keep in each chunk of a group what the classical matched filter finds, ppm·m.

    (x - mean)' C⁻¹ t / (t' C⁻¹ t) with t = absorption x mean; C is shrunk towards its diagonal.

    Args:
        chunks: iterated three times, in one order.
        absorption: (B,) per 1e5 ppm·m.

    Raises:
        SceneError: the group is too small.
    """
    sums = _Sums(chunks, absorption)
    for chunk in chunks:
        found = np.asarray(sums.project(chunk.radiance()) / sums.energy * UNIT)
        chunk.keep(found)
        chunk.keep_signal(found)


def mag1c_group(chunks: Sequence[Chunk], absorption: Matrix, rounds: int = ROUNDS) -> None:
    """Keep in each chunk of a group what mag1c finds, ppm·m: albedo-corrected, sparse, not negative.

    The signal that is kept too is that of the last iteration without sparsity: the matched filter against a
    background without the gas, by each pixel's albedo. Its noise is of either sign, so that what chance makes
    can be told by it; of the sparse result, most pixels are 0.

    Args:
        chunks: iterated `rounds` + 3 times, in one order.
        absorption: (B,) per 1e5 ppm·m.
        rounds: of reweighting.

    Raises:
        SceneError: the group is too small.
    """
    sums = _Sums(chunks, absorption)
    bright = sums.mean / (sums.mean @ sums.mean)
    for turn in range(rounds + 1):
        if turn:
            sums.take_out()
        for chunk in chunks:
            radiance = chunk.radiance()
            albedo = np.maximum(radiance @ bright, DARKEST)
            signal = sums.project(radiance)
            if turn == rounds:
                chunk.keep_signal(signal / (albedo * sums.energy) * UNIT)
            if turn:
                signal -= 1 / (albedo * (chunk.found() / UNIT + TINY))
            found = np.maximum(0, signal / (albedo * (max(1.0, sums.energy) if turn else sums.energy)))
            sums.add(radiance, albedo * found)
            chunk.keep(found * UNIT)


class _Sums:
    """Mean, target and covariance of a group's background, as gas is taken out of it."""

    def __init__(self, chunks: Sequence[Chunk], absorption: Matrix) -> None:
        """Sum over the group as it is.

        Raises:
            SceneError: the group is too small.
        """
        self._absorption = absorption
        total, self._count = np.zeros(len(absorption)), 0
        for chunk in chunks:
            radiance = chunk.radiance()
            total += radiance.sum(axis=0)
            self._count += len(radiance)
        if self._count <= LEAST_PIXELS:
            raise SceneError(f"{self._count} pixels of a detector column are too few for a covariance")
        # About the group's own mean: of numbers that share their leading digits, products would keep few.
        self._origin = total / self._count
        self._products = np.zeros((len(absorption), len(absorption)))
        for chunk in chunks:
            apart = chunk.radiance() - self._origin
            self._products += apart.T @ apart
        self._clear()
        self._solve(self._origin, self._products / self._count)

    def project(self, radiance: Matrix) -> Matrix:
        """Return (x - mean)' C⁻¹ t, (n,)."""
        return np.asarray(radiance @ self._shaped - self.mean @ self._shaped)

    def add(self, radiance: Matrix, gas: Matrix) -> None:
        """Count gas (n,), as multiples of the target, that `take_out` will take out."""
        self._gas += float(gas.sum())
        self._squared += float(gas @ gas)
        self._crossed += gas @ radiance - gas.sum() * self._origin

    def take_out(self) -> None:
        """Go on with the background x - a t, where a is the gas that was added and t the target until now."""
        shift = -self._gas / self._count * self.target
        cross = np.outer(self._crossed, self.target)
        products = self._products - cross - cross.T + self._squared * np.outer(self.target, self.target)
        self._clear()
        self._solve(self._origin + shift, products / self._count - np.outer(shift, shift))

    def _clear(self) -> None:
        """Begin anew with sums of gas."""
        self._gas, self._squared = 0.0, 0.0
        self._crossed = np.zeros(len(self._absorption))

    def _solve(self, mean: Matrix, covariance: Matrix) -> None:
        """Fix mean, target and filter.

        Raises:
            SceneError: bands do not vary, or are multiples of each other.
        """
        covariance = (1 - SHRINK) * covariance + SHRINK * np.diag(np.diag(covariance))
        self.mean, self.target = mean, self._absorption * mean
        try:
            self._shaped: Matrix = cho_solve(cho_factor(covariance, lower=True), self.target)
        except np.linalg.LinAlgError as error:
            raise SceneError("the radiance of a detector column does not vary in every band") from error
        self.energy = float(self.target @ self._shaped)
