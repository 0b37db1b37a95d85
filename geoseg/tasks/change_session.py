"""A comparison of two dates as a session: physical pixels of both in, change and both classes out.

Every step is pixel-wise or a filter with fixed-order sums, so the score of a pixel depends only on the pixels
within the method's margin, not on the tile it is in.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geoseg.methods.change import change_direction
from geoseg.methods.spectral import brightness, classify
from geoseg.methods.water_index import reflectance_difference
from geoseg.tasks.change_choice import Choice
from geoseg.tasks.change_measure import Measured, index_difference, measure, smoothed
from geoseg.tasks.water_session import logistic

Image = NDArray[np.float32]

LOSS, GAIN = 1, 2
"""Directions of an index or of backscatter."""

SECTORS = 4
"""Directions in the plane of vegetation and brightness: greener, brighter, less green, darker."""


class ChangeSession:
    """Scores change as `geoseg.tasks.change_method` chose: four planes, decided by `FromPlanes`."""

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
        planes[0] = logistic(measured.value, choice.threshold, choice.scale, below=False)
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
                plane[...] = classify(choice.rules, ground, choice.other, seen)


def _direction(choice: Choice, measured: Measured) -> Image | int:
    """Which way a pixel changed: the value of one of the method's directions, 0 where it has none."""
    kind = choice.method.directions
    if kind == "none":
        return 0
    if kind == "plane":
        return _sector(choice, measured)
    if kind == "backscatter":
        fell = smoothed(measured.after[0] - measured.before[0], choice.radius) < 0
    else:
        fell = index_difference(choice, measured.before, measured.after) < choice.middle
    return np.where(fell, np.float32(LOSS), np.float32(GAIN))


def _sector(choice: Choice, measured: Measured) -> Image | int:
    """Sector of the change vector in the plane of vegetation and brightness, from 1."""
    names = choice.compared
    if not {"nir", "red"} <= set(names):
        return 1
    visible = [names.index(name) for name in ("blue", "green", "red") if name in names]
    nir, red = names.index("nir"), names.index("red")
    ndvi, bright = [], []
    for date in (measured.before, measured.after):
        index = reflectance_difference(date[nir], date[red])
        ndvi.append(smoothed(np.asarray(index, np.float32), choice.radius))
        grey = brightness(*(date[i] for i in visible)) if len(visible) == 3 else date[red]
        bright.append(smoothed(grey, choice.radius))
    # Brightness in units of its own level: a tenth more is as far as 0.1 of NDVI.
    level = np.maximum((bright[0] + bright[1]) / 2, np.float32(1e-3))
    angle = change_direction(ndvi[1] - ndvi[0], (bright[1] - bright[0]) / level)
    turn = (
        np.floor(np.nan_to_num(np.asarray(angle, np.float32)) / np.float32(np.pi / 2) + np.float32(0.5))
        % SECTORS
    )
    return np.asarray(turn + 1, np.float32)
