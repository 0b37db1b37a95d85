"""A water method as a session: physical pixels in, scores out.

Every step is pixel-wise or a filter with fixed-order sums, so the score of a pixel depends only on the
pixels within the method's margin, not on the tile it is in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from geoseg.flood.water_choice import HAND, METHODS, PERMANENT, SLOPE, Choice, before_band
from geoseg.methods import sar, water_index
from geoseg.methods.flood_change import log_ratio, un_spider, z_score
from geoseg.methods.refined_lee import refined_lee
from geoseg.methods.sar_water import GUARD

Image = NDArray[np.float32]
Layers = Mapping[str, Image]

LEAST_STD_DB = 0.5
"""dB: Sentinel-1's own radiometric stability; no pixel is steadier than its instrument."""


class WaterSession:
    """Scores water, or flood and permanent water, by the method that `geoseg.flood.water.fix` chose."""

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
        method = METHODS[self.choice.method]
        side = "<" if method.water_below else ">"
        speckle = "" if self.choice.speckle == "none" else f", {self.choice.speckle} speckle filter"
        names = "/".join(name.upper() for name in self.choice.polarisations)
        title = f"{method.title} {names}" if method.needs_before else method.title
        return f"{title}: {method.measure} {side} {self.choice.threshold:.4g}{speckle}"

    @property
    def batch(self) -> int:
        """Tiles a call: one, since nothing is gained by more."""
        return 1

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score tiles: (N, C, H, W) physical, NaN where not observed, to (N, K, H, W) in 0..1.

        Exactly 0.5 at the threshold, more is water; 0 where the method's bands were not observed.
        """
        out = np.empty((batch.shape[0], self.planes, *batch.shape[2:]), np.float32)
        for tile, scores in zip(batch, out, strict=True):
            self._score(dict(zip(self.choice.bands, tile, strict=True)), scores)
        return out

    def close(self) -> None:
        """Nothing is held."""

    def _score(self, layers: Layers, out: Image) -> None:
        """Fill the planes of one tile."""
        choice = self.choice
        values = measure(choice, layers)
        flood = _flood_score(choice, values)
        dry = _cannot_be_water(choice, layers)
        if dry is not None:
            flood[dry] = 0
        if not choice.three_classes:
            out[0] = flood
            return
        water = flood if not choice.water_db else _water_now(choice, values)
        if dry is not None:
            water[dry] = 0
        permanent = _permanent(choice, values, layers, flood)
        out[2] = np.where(permanent, water, 0)
        out[1] = np.where(permanent, 0, flood)
        np.subtract(1, np.maximum(out[1], out[2]), out=out[0])


class Measured:
    """The values of a tile that thresholds are compared with."""

    def __init__(
        self, now: list[Image], filtered: dict[str, Image], before: Callable[[], Image | None]
    ) -> None:
        """Keep them.

        Args:
            now: the measure, one array a polarisation (one for an index).
            filtered: dB after the speckle filter by band name; empty for an index.
            before: the measure of the scene before, where it is the same as now's.
        """
        self.now = now
        self.filtered = filtered
        self.before = before


def measure(choice: Choice, layers: Layers) -> Measured:
    """Compute what the method compares with its threshold.

    Args:
        choice: method, filter and bands; its threshold does not matter.
        layers: (H, W) physical values by band name, NaN where not observed.
    """
    if METHODS[choice.method].kind == "optical":
        return Measured(
            now=[_index(choice.method, layers, None)],
            filtered={},
            before=lambda: _index(choice.method, layers, 0) if choice.before else None,
        )
    names = [
        name
        for polarisation in choice.polarisations
        for name in (polarisation, *(before_band(i, polarisation) for i in range(choice.before)))
    ]
    db = {name: _despeckle(choice, layers[name]) for name in names}
    now = [_change(choice, db, polarisation) for polarisation in choice.polarisations]
    first = before_band(0, choice.polarisations[0])
    return Measured(now=now, filtered=db, before=lambda: db.get(first))


def _index(name: str, layers: Layers, before: int | None) -> Image:
    """An optical water index of the scene, or of a scene before."""
    method = METHODS[name]
    names = method.bands if before is None else [before_band(before, band) for band in method.bands]
    if name.startswith("awei"):
        bands = [layers[band] for band in names]
        index = water_index.awei_nsh(*bands) if name == "awei-nsh" else water_index.awei_sh(*bands)
    else:
        index = water_index.reflectance_difference(*(layers[band] for band in names))
    return np.asarray(index, np.float32)


def _despeckle(choice: Choice, db: Image) -> Image:
    """Filter dB as the method wants."""
    if choice.method == "unspider":
        return sar.focal_mean(db, choice.radius)
    if choice.speckle == "none":
        return np.ascontiguousarray(db, np.float32)
    power = sar.to_power(db)
    filtered = refined_lee(power, choice.looks) if choice.speckle == "refined-lee" else sar.boxcar(power)
    return sar.to_db(filtered)


def _change(choice: Choice, db: Mapping[str, Image], polarisation: str) -> Image:
    """The measure of a radar method in one polarisation."""
    after = db[polarisation]
    if not METHODS[choice.method].needs_before:
        return after
    before = [db[before_band(i, polarisation)] for i in range(choice.before)]
    if choice.method == "logratio":
        return np.asarray(log_ratio(after, before[0]), np.float32)
    if choice.method == "unspider":
        return np.asarray(un_spider(after, before[0]), np.float32)
    return np.asarray(z_score(after, np.stack(before), LEAST_STD_DB), np.float32)


def _flood_score(choice: Choice, measured: Measured) -> Image:
    """Score of what the method maps, 0 where unknown."""
    low = METHODS[choice.method].water_below
    scores = []
    for polarisation, values in zip(choice.polarisations or ("",), measured.now, strict=True):
        score = logistic(values, choice.threshold, choice.scale, below=low)
        if choice.method in {"logratio", "zscore"}:
            # Harvest and drying darken ground too, but not to the level of open water.
            ceiling = GUARD[polarisation][1]
            np.minimum(score, logistic(measured.filtered[polarisation], ceiling, 1.0, below=True), out=score)
        scores.append(score)
    if len(scores) == 1:
        return scores[0]
    best, least = np.maximum(*scores), np.minimum(*scores)
    # Either suffices; agreement of both is what makes the score high.
    return np.where(best > 0.5, (best + np.maximum(least, np.float32(0.5))) / 2, best)


def _water_now(choice: Choice, measured: Measured) -> Image:
    """Score of open water now, flood or not, by absolute backscatter."""
    polarisation = choice.polarisations[0]
    return logistic(measured.filtered[polarisation], choice.water_db[0], 1.0, below=True)


def _permanent(choice: Choice, measured: Measured, layers: Layers, flood: Image) -> NDArray[np.bool_]:
    """Where water is known to stand anyway: by the reference layer, or in the scene before."""
    before = measured.before()
    if before is None:
        known = np.zeros(flood.shape, np.bool_)
    elif choice.water_db:
        known = before < choice.water_db[0]
    elif METHODS[choice.method].water_below:
        known = before < choice.threshold
    else:
        known = before > choice.threshold
    if choice.method == "unspider":
        # The recommended practice excepts the reference layer from flood, and nothing else.
        known &= flood <= 0.5
    if PERMANENT in layers:
        known |= layers[PERMANENT] > 0.5
    return np.asarray(known)


def _cannot_be_water(choice: Choice, layers: Layers) -> NDArray[np.bool_] | None:
    """Where terrain or brightness rules water out; unknown terrain rules nothing out."""
    tests = []
    if HAND in layers:
        tests.append(layers[HAND] > choice.max_hand)
    if SLOPE in layers:
        tests.append(layers[SLOPE] > choice.max_slope)
    if choice.nir_limit is not None and "nir" in layers:
        tests.append(layers["nir"] > choice.nir_limit)
    if not tests:
        return None
    dry = tests[0]
    for test in tests[1:]:
        dry |= test
    return dry


def logistic(values: Image, threshold: float, scale: float, *, below: bool) -> Image:
    """Return 1 / (1 + exp(-z)) with z the signed distance from the threshold in scales; 0 for NaN."""
    sign = np.float32(scale if below else -scale)
    z: Image = values - np.float32(threshold)
    z /= sign
    with np.errstate(over="ignore"):
        np.exp(z, out=z)
    z += 1
    np.reciprocal(z, out=z)
    np.fmax(z, np.float32(0), out=z)
    return z
