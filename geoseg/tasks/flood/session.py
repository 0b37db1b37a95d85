"""The session of a water method: physical pixels to scores.

Every step is pixel-wise or a filter with sums in fixed order, so that the score of a pixel depends on the
pixels within the margin of the method, not on its tile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from geoseg.methods.logistic import logistic
from geoseg.methods.shore import near_open_water
from geoseg.methods.snow import beside_snow
from geoseg.tasks.flood.choice import (
    HAND,
    PERMANENT,
    SLOPE,
    SNOW_BANDS,
    TILE_THRESHOLD,
    WaterChoice,
    before_band,
)
from geoseg.tasks.flood.method import Image

Layers = Mapping[str, Image]
"""(H, W) physical values by channel, NaN where not observed."""
Filtered = Mapping[str, Image]
"""(H, W) values of one scene by band, after the filter of the method."""

DB_SCALE = 1.0
"""dB: distance from an absolute threshold of backscatter at which the score is 0.73."""


class WaterSession:
    """Scores water, or flood and permanent water, by a `WaterChoice`."""

    def __init__(self, choice: WaterChoice) -> None:
        """Use a choice of `choose_method`."""
        self.choice = choice

    @property
    def planes(self) -> int:
        """1: water; 3: background, flood, permanent water."""
        return 3 if self.choice.three_classes else 1

    @property
    def description(self) -> str:
        """The method, its measure and its threshold."""
        choice, method = self.choice, self.choice.method
        title = method.title
        if method.bands_used != "all":
            title += " " + "/".join(band.upper() for band in choice.measured)
        text = f"{title}: {method.measured} {method.threshold.side} {choice.threshold:.4g}"
        if choice.tiles is not None:
            text += f" ({choice.tiles[0]:.4g} to {choice.tiles[1]:.4g} by tile)"
        if choice.shore is not None:
            text += f", {choice.shore:.4g} next to open water"
        return f"{text}, {choice.smoothing.text}" if choice.smoothing and choice.smoothing.text else text

    @property
    def batch(self) -> int:
        """Tiles of a call: more would not be faster."""
        return 1

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score tiles: (N, C, H, W) physical, NaN where not observed, to (N, K, H, W) in 0..1.

        The score is 0.5 at the threshold and greater for water; 0 where bands were not observed.
        """
        out = np.empty((batch.shape[0], self.planes, *batch.shape[2:]), np.float32)
        bands = self.choice.bands
        for tile, scores in zip(batch, out, strict=True):
            self._score(dict(zip(bands, tile, strict=True)), scores)
        return out

    def close(self) -> None:
        """Do nothing: no resource is open."""

    def _score(self, layers: Layers, out: Image) -> None:
        """Fill the planes of one tile."""
        choice = self.choice
        now, *before = scenes = _scenes(choice, layers, choice.before)
        dry = _cannot_be_water(choice, layers)
        local = layers.get(TILE_THRESHOLD)
        flood = _flood_score(choice, scenes, dry, local)
        if not choice.three_classes:
            out[0] = flood
            return
        water = flood
        if choice.open_water is not None:
            band, level = choice.open_water
            water = logistic(now[band], level, DB_SCALE, below=True)
        if dry is not None:
            water[dry] = 0
        permanent, as_before = _water_before(choice, now, before, flood, local)
        if PERMANENT in layers:
            permanent |= layers[PERMANENT] > 0.5
        out[2] = np.where(permanent, water, 0)
        out[1] = np.where(permanent | as_before, 0, flood)
        np.subtract(1, np.maximum(out[1], out[2]), out=out[0])


def measure_scene(choice: WaterChoice, layers: Layers) -> Image:
    """Return the measure (H, W) of the first group of bands.

    Args:
        choice: method, filter and bands; its threshold is not used.
        layers: at least the channels of the choice.
    """
    before = choice.before if choice.method.needs.scenes_before else 0
    return _measure(choice, choice.groups[0], _scenes(choice, layers, before))


def _scenes(choice: WaterChoice, layers: Layers, before: int) -> list[Filtered]:
    """Return the bands of the scene, then of earlier scenes, after the filter of the method."""
    channels = [
        {band: band for band in choice.measured},
        *({band: before_band(index, band) for band in choice.measured} for index in range(before)),
    ]
    apply = choice.smoothing.apply if choice.smoothing is not None else np.asarray
    return [{band: apply(layers[channel]) for band, channel in names.items()} for names in channels]


def _measure(choice: WaterChoice, group: Sequence[str], scenes: Sequence[Filtered]) -> Image:
    """Return the measure of one group of bands."""
    images = [[bands[name] for name in group] for bands in scenes]
    return np.asarray(choice.method.measure(images), np.float32)


def _flood_score(
    choice: WaterChoice, scenes: Sequence[Filtered], dry: NDArray[np.bool_] | None, local: Image | None
) -> Image:
    """Return the score of flood or water, 0 where unknown or dry."""
    method = choice.method
    scores = []
    for group in choice.groups:
        values = _measure(choice, group, scenes)
        if dry is not None:
            values = np.where(dry, np.float32(np.nan), values)
        score = _score_of(choice, values, local)
        for band in group:
            if band in method.ceiling_db:
                dark = logistic(scenes[0][band], method.ceiling_db[band], DB_SCALE, below=True)
                np.minimum(score, dark, out=score)
        scores.append(score)
    if len(scores) == 1:
        return scores[0]
    best: Image = np.maximum.reduce(scores)
    least: Image = np.minimum.reduce(scores)
    # One group suffices; the score is high where all groups agree.
    return np.where(best > 0.5, (best + np.maximum(least, np.float32(0.5))) / 2, best)


def _score_of(choice: WaterChoice, values: Image, local: Image | None) -> Image:
    """Return the score of a measure, 0 where unknown; next to open water by the threshold of the shore.

    `local` holds the thresholds of pixels, None: that of the scene.
    """
    below = choice.method.threshold.water_below
    if local is not None:
        values = values - (local - np.float32(choice.threshold))
    if choice.shore is not None:
        water = values < choice.threshold if below else values > choice.threshold
        if water.any():
            raised = np.float32(choice.threshold - choice.shore)
            values = np.where(near_open_water(water), values + raised, values)
    return logistic(values, choice.threshold, choice.scale, below=below)


def _water_before(
    choice: WaterChoice, now: Filtered, before: Sequence[Filtered], flood: Image, local: Image | None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return where the first earlier scene shows open water, and what is no flood."""
    method = choice.method
    if not before:
        nowhere = np.zeros(flood.shape, np.bool_)
        return nowhere, nowhere
    group = choice.groups[0]
    dark = method.water_before([[date[name] for name in group] for date in (now, *before)], choice.threshold)
    if dark is not None:
        return dark
    if choice.open_water is not None:
        band, level = choice.open_water
        known = before[0][band] < level
    else:
        known = _score_of(choice, _measure(choice, group, before[:1]), local) > 0.5
    water = np.asarray(known & (flood <= 0.5) if method.flood_over_water else known)
    return water, water


def _cannot_be_water(choice: WaterChoice, layers: Layers) -> NDArray[np.bool_] | None:
    """Return where terrain, brightness or snow excludes water; None: no limit.

    Unknown terrain excludes nothing.
    """
    limits = ((HAND, choice.max_hand), (SLOPE, choice.max_slope), ("nir", choice.nir_limit))
    tests = [layers[name] > limit for name, limit in limits if name in layers and limit is not None]
    if choice.snow:
        tests.append(beside_snow(*(layers[band] for band in SNOW_BANDS)))
    return np.asarray(np.logical_or.reduce(tests)) if tests else None
