"""A water method as a session: physical pixels in, scores out.

Every step is pixel-wise or a filter with fixed-order sums, so the score of a pixel depends only on the
pixels within the method's margin, not on the tile it is in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from geoseg.flood.choice import HAND, PERMANENT, SLOPE, Choice, before_band
from geoseg.flood.method import Image
from geoseg.methods.logistic import logistic

Layers = Mapping[str, Image]
"""(H, W) physical values by channel, NaN where not observed."""
Filtered = Mapping[str, Image]
"""(H, W) values of one scene by band, after the method's filter."""

DB_SCALE = 1.0
"""dB from an absolute threshold of backscatter at which the score is 0.73."""


class WaterSession:
    """Scores water, or flood and permanent water, as `geoseg.flood.choose.choose_method` chose."""

    def __init__(self, choice: Choice) -> None:
        """Take what was chosen; there is nothing to open."""
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
        return f"{text}, {choice.smoothing.text}" if choice.smoothing and choice.smoothing.text else text

    @property
    def batch(self) -> int:
        """Tiles a call: one, since nothing is gained by more."""
        return 1

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score tiles: (N, C, H, W) physical, NaN where not observed, to (N, K, H, W) in 0..1.

        Exactly 0.5 at the threshold, more is water; 0 where the method's bands were not observed.
        """
        out = np.empty((batch.shape[0], self.planes, *batch.shape[2:]), np.float32)
        bands = self.choice.bands
        for tile, scores in zip(batch, out, strict=True):
            self._score(dict(zip(bands, tile, strict=True)), scores)
        return out

    def close(self) -> None:
        """Nothing is held."""

    def _score(self, layers: Layers, out: Image) -> None:
        """Fill the planes of one tile."""
        choice = self.choice
        now, *before = scenes = _scenes(choice, layers, choice.before)
        flood = _flood_score(choice, scenes)
        dry = _cannot_be_water(choice, layers)
        if dry is not None:
            flood[dry] = 0
        if not choice.three_classes:
            out[0] = flood
            return
        open_water = choice.method.open_water_db
        first = choice.measured[0]
        water = logistic(now[first], open_water[first], DB_SCALE, below=True) if open_water else flood
        if dry is not None:
            water[dry] = 0
        permanent = _water_before(choice, before, flood)
        if PERMANENT in layers:
            permanent |= layers[PERMANENT] > 0.5
        out[2] = np.where(permanent, water, 0)
        out[1] = np.where(permanent, 0, flood)
        np.subtract(1, np.maximum(out[1], out[2]), out=out[0])


def measure_scene(choice: Choice, layers: Layers) -> Image:
    """Compute what the method compares with its threshold, (H, W), of the first group of bands.

    Args:
        choice: method, filter and bands; its threshold does not matter.
        layers: the channels of the choice, at least.
    """
    before = choice.before if choice.method.needs.scenes_before else 0
    return _measure(choice, choice.groups[0], _scenes(choice, layers, before))


def _scenes(choice: Choice, layers: Layers, before: int) -> list[Filtered]:
    """Bands of the scene, then of earlier ones, after the method's filter."""
    channels = [
        {band: band for band in choice.measured},
        *({band: before_band(index, band) for band in choice.measured} for index in range(before)),
    ]
    apply = choice.smoothing.apply if choice.smoothing is not None else np.asarray
    return [{band: apply(layers[channel]) for band, channel in names.items()} for names in channels]


def _measure(choice: Choice, group: Sequence[str], scenes: Sequence[Filtered]) -> Image:
    """The measure of bands that belong together."""
    images = [[bands[name] for name in group] for bands in scenes]
    return np.asarray(choice.method.measure(images), np.float32)


def _flood_score(choice: Choice, scenes: Sequence[Filtered]) -> Image:
    """Score of what the method maps, 0 where unknown."""
    method = choice.method
    scores = []
    for group in choice.groups:
        values = _measure(choice, group, scenes)
        score = logistic(values, choice.threshold, choice.scale, below=method.threshold.water_below)
        for band in group:
            if band in method.ceiling_db:
                dark = logistic(scenes[0][band], method.ceiling_db[band], DB_SCALE, below=True)
                np.minimum(score, dark, out=score)
        scores.append(score)
    if len(scores) == 1:
        return scores[0]
    best: Image = np.maximum.reduce(scores)
    least: Image = np.minimum.reduce(scores)
    # One suffices; agreement of all is what makes the score high.
    return np.where(best > 0.5, (best + np.maximum(least, np.float32(0.5))) / 2, best)


def _water_before(choice: Choice, before: Sequence[Filtered], flood: Image) -> NDArray[np.bool_]:
    """Where open water stood in the first earlier scene, and what is mapped now is therefore not flood."""
    method = choice.method
    if not before:
        return np.zeros(flood.shape, np.bool_)
    group = choice.groups[0]
    if method.open_water_db:
        known = before[0][group[0]] < method.open_water_db[group[0]]
    else:
        values = _measure(choice, group, before[:1])
        known = values < choice.threshold if method.threshold.water_below else values > choice.threshold
    return np.asarray(known & (flood <= 0.5) if method.flood_over_water else known)


def _cannot_be_water(choice: Choice, layers: Layers) -> NDArray[np.bool_] | None:
    """Where terrain or brightness rules water out; unknown terrain rules nothing out."""
    limits = ((HAND, choice.max_hand), (SLOPE, choice.max_slope), ("nir", choice.nir_limit))
    tests = [layers[name] > limit for name, limit in limits if name in layers and limit is not None]
    return np.asarray(np.logical_or.reduce(tests)) if tests else None
