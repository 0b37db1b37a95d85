"""Radiometric normalization of one date to another, by band.

Two dates differ by illumination, haze and sensor even where nothing changed. A linear fit to invariant pixels
removes these differences (Canty & Nielsen 2008, doi:10.1016/j.rse.2007.07.013); histogram matching does so
without invariant pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoseg.methods.mad import FLOOR, Matrix, fit_mad, no_change_weights

INVARIANT = 0.95
"""Probability of no change above which a pixel is invariant."""
LEAST_INVARIANT = 500
"""Smallest number of pixels of the fit; where fewer are invariant, the most probable pixels are used."""
QUANTILES = 256
"""Number of quantiles of a matched histogram."""
GAINS = (0.2, 5.0)
"""Plausible range of gains; others mean that the dates show different places or have different units."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Unchanged:
    """No normalisation."""

    description: str = "no radiometric normalisation"

    def __call__(self, after: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the values unchanged."""
        return after


@dataclass(frozen=True, kw_only=True, eq=False)
class Lines:
    """A linear function for each band: gain * after + offset."""

    gains: Matrix
    """(B,)."""
    offsets: Matrix
    """(B,) in the unit of the values."""
    pixels: int
    """Number of invariant pixels of the fit."""

    @property
    def description(self) -> str:
        """Description with the gains and the number of pixels."""
        gains = ", ".join(f"{gain:.3g}" for gain in self.gains)
        return f"second date normalised to the first by {self.pixels} invariant pixels (gains {gains})"

    def __call__(self, after: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return gain * after + offset."""
        shape = (-1, *(1,) * (after.ndim - 1))
        return after * self.gains.astype(np.float32).reshape(shape) + self.offsets.astype(np.float32).reshape(
            shape
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Histograms:
    """A monotone curve for each band that matches the histogram of the second date to that of the first."""

    after: Matrix
    """(B, Q) quantiles of the second date, ascending."""
    before: Matrix
    """(B, Q) the same quantiles of the first date."""

    description: str = "second date normalised to the first by histogram matching"

    def __call__(self, after: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the values of the curves, which have a slope of 1 beyond their ends."""
        out = np.empty_like(after)
        for values, target, x, y in zip(after, out, self.after, self.before, strict=True):
            beyond = np.where(values < x[0], values - x[0], np.where(values > x[-1], values - x[-1], 0))
            target[...] = np.interp(values, x, y) + beyond
            target[np.isnan(values)] = np.nan
        return out


Normalisation = Unchanged | Lines | Histograms
"""Converts values (B, …) of the second date to the radiometry of the first; described in one line."""


def fit_lines(before: Matrix, after: Matrix) -> Lines:
    """Fit a linear function for each band to the invariant pixels of IR-MAD.

    Both dates have errors, so the fit is the reduced major axis, which does not depend on the order of dates.

    Args:
        before: (B, n) float64, all finite.
        after: (B, n).

    Raises:
        SceneError: there are too few pixels, or a band is constant.
    """
    weights = no_change_weights(fit_mad(before, after, floor=FLOOR), before, after)
    invariant = weights > INVARIANT
    if invariant.sum() < LEAST_INVARIANT:
        invariant = weights >= np.sort(weights)[-min(LEAST_INVARIANT, weights.size)]
    x, y = after[:, invariant], before[:, invariant]
    # Dates in different units (reflectance, digital numbers) differ by a large factor in all bands.
    ratio = float(np.median(before.std(axis=1) / np.maximum(after.std(axis=1), 1e-12)))
    unit = 1.0 if GAINS[0] <= ratio <= GAINS[1] else ratio
    gains = np.clip(y.std(axis=1) / np.maximum(x.std(axis=1), 1e-12), unit * GAINS[0], unit * GAINS[1])
    return Lines(
        gains=gains, offsets=y.mean(axis=1) - gains * x.mean(axis=1), pixels=int(np.count_nonzero(invariant))
    )


def fit_histograms(before: Matrix, after: Matrix) -> Histograms:
    """Fit histogram matching to samples (B, n) of both dates, all finite."""
    shares = np.linspace(0, 1, QUANTILES)
    return Histograms(
        after=np.asarray(np.quantile(after, shares, axis=1).T),
        before=np.asarray(np.quantile(before, shares, axis=1).T),
    )
