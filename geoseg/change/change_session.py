"""A comparison of two dates as a session: physical pixels of both in, change and both classes out.

Every step is pixel-wise or a filter with fixed-order sums, so the score of a pixel depends only on the pixels
within the method's margin, not on the tile it is in.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from geoseg.change.change_choice import LEAST_INDEX, RATIO_RADIUS, Choice
from geoseg.change.change_measure import Measured, index_difference, measure, smoothed
from geoseg.methods import sar
from geoseg.methods.logistic import logistic
from geoseg.methods.spectral import classify
from geoseg.methods.water_index import reflectance_difference
from geoseg.scenes.bands import TWINS

Image = NDArray[np.float32]

LOSS, GAIN = 1, 2
"""Directions of an index, of backscatter and of vegetation."""
BRIGHTER, DARKER = 3, 4
"""Directions of change vector analysis where vegetation stayed the same."""


class ChangeSession:
    """Scores change as `geoseg.change.change_method` chose: four planes, decided by `FromPlanes`."""

    planes = 4
    """Score of change in 0..1, direction, class before, class after (all but the first are numbers)."""
    batch = 1

    def __init__(self, choice: Choice) -> None:
        """Take what was chosen."""
        self.choice = choice

    @property
    def description(self) -> str:
        """The method, its measure and its threshold."""
        method, side = self.choice.method, 2 * self.choice.radius + 1
        mean = f", mean of {side} x {side} pixels" if side > 1 else ""
        speckle = "" if self.choice.speckle == "none" else f", {self.choice.speckle} speckle filter"
        return f"{method.title}: {method.measure} > {self.choice.threshold:.4g}{mean}{speckle}"

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
        measured = measure(choice, tile)
        planes[0] = score_of(measured.value, choice)
        planes[1] = _direction(choice, measured)
        if choice.rules:
            count = len(choice.channels)
            for plane, date, air in zip(planes[2:], (tile[:count], tile[count:]), choice.air, strict=True):
                seen = {
                    name: smoothed(values, choice.radius)
                    for name, values in zip(choice.bands, date[: len(choice.bands)], strict=True)
                }
                ground = {
                    name: values - np.float32(air[name]) if name in air else values
                    for name, values in seen.items()
                }
                plane[...] = classify(choice.rules, _both_names(ground), choice.other, _both_names(seen))


def _both_names(bands: Mapping[str, Image]) -> dict[str, Image]:
    """Add the other name of the near infrared, by which rules may call it."""
    return {**{twin: bands[name] for name, twin in TWINS.items() if name in bands}, **bands}


def score_of(value: Image, choice: Choice) -> Image:
    """Return the score of change (H, W), above 0.5 exactly where the value is above the threshold."""
    score = logistic(value, choice.threshold, choice.scale, below=False)
    half = np.float32(0.5)
    above = np.fmax(score, np.nextafter(half, np.float32(1)))
    return np.where(value > np.float32(choice.threshold), above, np.fmin(score, half))


def _direction(choice: Choice, measured: Measured) -> Image | int:
    """Which way a pixel changed: the value of one of the method's directions; 0 where it has none."""
    kind = choice.method.directions
    if kind == "none":
        return 0
    if kind == "vegetation":
        return _vegetation_or_brightness(choice, measured)
    if kind == "backscatter":
        fell = _backscatter_difference(choice, measured) < 0
    else:
        fell = index_difference(choice, measured.before, measured.after) < choice.middle
    return np.where(fell, np.float32(LOSS), np.float32(GAIN))


def _backscatter_difference(choice: Choice, measured: Measured) -> Image:
    """Second date less the first (H, W), of what the method compares: means of power, or dB."""
    before, after = measured.before[0], measured.after[0]
    if choice.method.name == "mean-ratio":
        return smoothed(sar.to_power(after), RATIO_RADIUS) - smoothed(sar.to_power(before), RATIO_RADIUS)
    return smoothed(after - before, choice.radius)


def _vegetation_or_brightness(choice: Choice, measured: Measured) -> Image:
    """Direction (H, W) of the change vector: vegetation lost or gained, else brighter or darker.

    Vegetation is NDVI above that of bare ground, so that water and bare ground are alike.
    """
    names, dates = choice.compared, (measured.before, measured.after)
    visible = [names.index(name) for name in ("blue", "green", "red") if name in names]
    bright = [smoothed(date[visible or slice(len(names))].mean(axis=0), choice.radius) for date in dates]
    turned = np.where(bright[1] >= bright[0], np.float32(BRIGHTER), np.float32(DARKER))
    if not {"nir", "red"} <= set(names):
        return turned
    nir, red = names.index("nir"), names.index("red")
    ndvi = [
        smoothed(np.asarray(reflectance_difference(date[nir], date[red]), np.float32), choice.radius)
        for date in dates
    ]
    first, second = (np.fmax(date, np.float32(choice.bare)) for date in ndvi)
    turned[second - first < -LEAST_INDEX] = LOSS
    turned[second - first > LEAST_INDEX] = GAIN
    return turned
