"""Bring one date to the radiometry of another: relative normalisation, band by band.

Two dates differ by sun, haze and sensor even where nothing changed. A straight line through pixels that did
not change takes that away (Canty & Nielsen 2008, doi:10.1016/j.rse.2007.07.013); where none can be told,
histograms can be matched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from geoseg.methods.mad import FLOOR, Matrix, fit_mad, no_change_weights

INVARIANT = 0.95
"""Probability of no change from which a pixel is taken for invariant."""
LEAST_INVARIANT = 500
"""Pixels that a line is fitted to; with fewer, the most probable ones are taken."""
QUANTILES = 256
"""Nodes of a matched histogram."""
GAINS = (0.2, 5.0)
"""Slopes beyond these are no radiometry: the dates show different things, or are in different units."""


class Normalisation(Protocol):
    """Turns the second date's values into what the first date's sensor would have seen."""

    def __call__(self, after: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (B, …) normalised values of (B, …)."""

    @property
    def description(self) -> str:
        """One line for the record."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Unchanged:
    """No normalisation."""

    description: str = "no radiometric normalisation"

    def __call__(self, after: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the values as they are."""
        return after


@dataclass(frozen=True, kw_only=True, eq=False)
class Lines:
    """A straight line for each band: gain * after + offset."""

    gains: Matrix
    """(B,)."""
    offsets: Matrix
    """(B,) in the unit of the values."""
    pixels: int
    """Invariant pixels that the lines were fitted to."""

    @property
    def description(self) -> str:
        """Gains and the number of pixels."""
        gains = ", ".join(f"{gain:.3g}" for gain in self.gains)
        return f"second date brought to the first by {self.pixels} invariant pixels (gains {gains})"

    def __call__(self, after: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return gain * after + offset."""
        shape = (-1, *(1,) * (after.ndim - 1))
        return after * self.gains.astype(np.float32).reshape(shape) + self.offsets.astype(np.float32).reshape(
            shape
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Histograms:
    """A monotone curve for each band that gives the second date the first one's histogram."""

    after: Matrix
    """(B, Q) quantiles of the second date, ascending."""
    before: Matrix
    """(B, Q) the same quantiles of the first."""

    description: str = "second date brought to the first by matching histograms"

    def __call__(self, after: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the curves' values; beyond the ends they go on in parallel to the diagonal."""
        out = np.empty_like(after)
        for values, target, x, y in zip(after, out, self.after, self.before, strict=True):
            beyond = np.where(values < x[0], values - x[0], np.where(values > x[-1], values - x[-1], 0))
            target[...] = np.interp(values, x, y) + beyond
            target[np.isnan(values)] = np.nan
        return out


def fit_lines(before: Matrix, after: Matrix) -> Lines:
    """Fit a line per band to the pixels that IR-MAD finds invariant.

    Both dates have errors, so the line is the one of least perpendicular distance in units of each date's
    spread (reduced major axis), which is the same line whichever date comes first.

    Args:
        before: (B, n) float64, all finite.
        after: (B, n).

    Raises:
        SceneError: too few pixels, or a band without variation.
    """
    weights = no_change_weights(fit_mad(before, after, floor=FLOOR), before, after)
    kept = weights > INVARIANT
    if kept.sum() < LEAST_INVARIANT:
        kept = weights >= np.sort(weights)[-min(LEAST_INVARIANT, weights.size)]
    x, y = after[:, kept], before[:, kept]
    # Dates in different units (reflectance, counts) differ by one large factor in all bands.
    ratio = float(np.median(before.std(axis=1) / np.maximum(after.std(axis=1), 1e-12)))
    unit = 1.0 if GAINS[0] <= ratio <= GAINS[1] else ratio
    gains = np.clip(y.std(axis=1) / np.maximum(x.std(axis=1), 1e-12), unit * GAINS[0], unit * GAINS[1])
    return Lines(
        gains=gains, offsets=y.mean(axis=1) - gains * x.mean(axis=1), pixels=int(np.count_nonzero(kept))
    )


def fit_histograms(before: Matrix, after: Matrix) -> Histograms:
    """Match the histograms of a sample, (B, n) each, all finite."""
    shares = np.linspace(0, 1, QUANTILES)
    return Histograms(
        after=np.asarray(np.quantile(after, shares, axis=1).T),
        before=np.asarray(np.quantile(before, shares, axis=1).T),
    )
