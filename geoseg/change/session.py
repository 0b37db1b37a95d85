"""A comparison of two dates as a session: physical pixels of both in, change and both classes out.

Every step is pixel-wise or a filter with fixed-order sums, so the score of a pixel depends only on the pixels
within the method's margin, not on the tile it is in.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from geoseg.change.choose import Choice
from geoseg.change.fit import compared
from geoseg.change.method import Image
from geoseg.methods.change_statistics import window_mean
from geoseg.methods.logistic import logistic
from geoseg.methods.spectral import classify
from geoseg.scenes.bands import TWINS


class ChangeSession:
    """Scores change by a fitted comparison: four planes, decided by `FromPlanes`."""

    planes = 4
    """Score of change in 0..1, direction, class before, class after (all but the first are numbers)."""
    batch = 1

    def __init__(self, choice: Choice) -> None:
        """Take a fitted comparison."""
        self.choice = choice

    @property
    def description(self) -> str:
        """The method, its measure and its threshold."""
        method, side = self.choice.method, 2 * self.choice.radius + 1
        mean = f", mean of {side} x {side} pixels" if side > 1 else ""
        speckle = "" if self.choice.speckle == "none" else f", {self.choice.speckle} speckle filter"
        return f"{method.title}: {method.measured} > {self.choice.threshold:.4g}{mean}{speckle}"

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score tiles: (N, 2 C, H, W) physical, NaN where not observed, to (N, 4, H, W)."""
        out = np.zeros((batch.shape[0], self.planes, *batch.shape[2:]), np.float32)
        for tile, planes in zip(batch, out, strict=True):
            self._score(tile, planes)
        return out

    def close(self) -> None:
        """Nothing is held."""

    def _score(self, tile: Image, planes: Image) -> None:
        """Fill the planes of one tile."""
        choice = self.choice
        before, after = compared(choice, tile)
        planes[0] = score_of(choice.method.measure(before, after, choice.radius), choice)
        planes[1] = choice.method.direction(before, after, choice.radius)
        if choice.rules:
            count = len(choice.channels)
            for plane, date, air in zip(planes[2:], (tile[:count], tile[count:]), choice.air, strict=True):
                plane[...] = _classes(choice, date, air)


def _classes(choice: Choice, date: Image, air: Mapping[str, float]) -> NDArray[np.generic]:
    """Return the spectral classes (H, W) of the channels of one date, (C, H, W)."""
    seen = {
        name: window_mean(values, choice.radius)
        for name, values in zip(choice.bands, date[: len(choice.bands)], strict=True)
    }
    ground = {
        name: values - np.float32(air[name]) if name in air else values for name, values in seen.items()
    }
    return classify(choice.rules, _both_names(ground), choice.other, _both_names(seen))


def _both_names(bands: Mapping[str, Image]) -> dict[str, Image]:
    """Add the other name of the near infrared, by which rules may call it."""
    return {**{twin: bands[name] for name, twin in TWINS.items() if name in bands}, **bands}


def score_of(value: Image, choice: Choice) -> Image:
    """Return the score of change (H, W), above 0.5 exactly where the value is above the threshold."""
    score = logistic(value, choice.threshold, choice.scale, below=False)
    half = np.float32(0.5)
    above = np.fmax(score, np.nextafter(half, np.float32(1)))
    return np.where(value > np.float32(choice.threshold), above, np.fmin(score, half))
