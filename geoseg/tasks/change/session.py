"""The session of a comparison of two dates: physical pixels of both to change and both classes.

Every step is pixel-wise or a filter with sums in fixed order, so that the score of a pixel depends on the
pixels within the margin of the method, not on its tile.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from geoseg.methods.change_statistics import window_mean
from geoseg.methods.logistic import logistic
from geoseg.methods.spectral import classify
from geoseg.scenes.bands import TWINS
from geoseg.tasks.change.choose import Comparison
from geoseg.tasks.change.fit import compared
from geoseg.tasks.change.method import Image

CLASS_ROWS = 64
"""Rows of a tile whose spectral classes are found at once."""


class ChangeSession:
    """Scores change by a fitted comparison: four planes, which `FromPlanes` decides."""

    planes = 4
    """Score of change in 0..1, direction, class before, class after (all but the first are numbers)."""
    batch = 1

    def __init__(self, comparison: Comparison) -> None:
        """Use a fitted comparison."""
        self.comparison = comparison

    @property
    def description(self) -> str:
        """The method, its measure and its threshold."""
        method, side = self.comparison.method, 2 * self.comparison.radius + 1
        mean = f", mean of {side} x {side} pixels" if side > 1 else ""
        speckle = "" if self.comparison.speckle == "none" else f", {self.comparison.speckle} speckle filter"
        seed = self.comparison.seed
        places = "" if seed is None else f" in places that exceed {seed:.4g}"
        return f"{method.title}: {method.measured} > {self.comparison.threshold:.4g}{places}{mean}{speckle}"

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score tiles: (N, 2 C, H, W) physical, NaN where not observed, to (N, 4, H, W)."""
        out = np.zeros((batch.shape[0], self.planes, *batch.shape[2:]), np.float32)
        for tile, planes in zip(batch, out, strict=True):
            self._score(tile, planes)
        return out

    def close(self) -> None:
        """Do nothing: no resource is open."""

    def _score(self, tile: Image, planes: Image) -> None:
        """Fill the planes of one tile."""
        comparison = self.comparison
        before, after = compared(comparison, tile)
        planes[0] = score_of(comparison.method.measure(before, after, comparison.radius), comparison)
        planes[1] = comparison.method.direction(before, after, comparison.radius)
        if comparison.rules:
            count = len(comparison.channels)
            for plane, date, path in zip(
                planes[2:], (tile[:count], tile[count:]), comparison.path_reflectance, strict=True
            ):
                _classes(comparison, date, path, plane)


def _classes(comparison: Comparison, date: Image, path: Mapping[str, float], out: Image) -> None:
    """Fill in the spectral classes (H, W) of the channels of one date, (C, H, W)."""
    bands = [window_mean(values, comparison.radius) for values in date[: len(comparison.bands)]]
    # A few rows at a time, so that the indices of all rules stay in the cache.
    for row in range(0, len(out), CLASS_ROWS):
        part = slice(row, row + CLASS_ROWS)
        observed = {name: values[part] for name, values in zip(comparison.bands, bands, strict=True)}
        ground = {
            name: values - np.float32(path[name]) if name in path else values
            for name, values in observed.items()
        }
        out[part] = classify(comparison.rules, _both_names(ground), comparison.other, _both_names(observed))


def _both_names(bands: Mapping[str, Image]) -> dict[str, Image]:
    """Add the near infrared under its other name, which rules may use."""
    return {**{twin: bands[name] for name, twin in TWINS.items() if name in bands}, **bands}


def score_of(value: Image, comparison: Comparison) -> Image:
    """Return the score of change (H, W), above 0.5 exactly where the value is above the threshold."""
    score = logistic(value, comparison.threshold, comparison.scale, below=False)
    half = np.float32(0.5)
    above = value > np.float32(comparison.threshold)
    np.fmax(score, np.nextafter(half, np.float32(1)), out=score, where=above)
    np.fmin(score, half, out=score, where=~above)
    return score
