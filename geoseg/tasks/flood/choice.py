"""A water method with all that is fixed for a scene, and the candidates before a sample decides."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from geoseg.methods.shore import SHORE_MARGIN
from geoseg.methods.snow import REACH as SNOW_REACH
from geoseg.tasks.flood.method import Smoothing, WaterMethod

CLASSICAL = "classical"
"""Value of `--method`: the best method without weights, even where `auto` would use a network."""

SNOW_BANDS = ("green", "nir", "swir16")
"""Bands that show snow."""

PERMANENT, HAND, SLOPE = LAYERS = ("permanent_water", "hand", "slope")
"""Names of the optional layers among the channels of a session."""
TILE_THRESHOLD = "tile_threshold"
"""Name of the channel with the threshold of each pixel (`--thresholding tiles`)."""


@dataclass(frozen=True, kw_only=True)
class WaterChoice:
    """A method with its bands, layers and threshold for one scene."""

    method: WaterMethod
    groups: tuple[tuple[str, ...], ...]
    """Bands that are measured together; of several groups one suffices for water."""
    threshold: float
    """In the unit of the method's measure; the score there is exactly 0.5."""
    scale: float
    """Distance from the threshold at which the score is 0.73 or 0.27."""
    before: int = 0
    """Number of earlier scenes that are read."""
    layers: tuple[str, ...] = ()
    """Those of `LAYERS` that are read."""
    seed: float | None = None
    """Score that a region must reach somewhere (region growing); None: every region is kept."""
    shore: float | None = None
    """Threshold of pixels next to open water; None: as elsewhere."""
    tiles: tuple[float, float] | None = None
    """Least and greatest threshold of a tile, where each pixel has its own in the channel `TILE_THRESHOLD`;
    None: one threshold."""
    open_water: tuple[str, float] | None = None
    """Measured band, and dB below which a pixel of it is open water, where the measure is a change; None: the
    measure separates water."""
    smoothing: Smoothing | None = None
    nir_limit: float | None = None
    """Near-infrared reflectance above which no pixel is water; None: no limit."""
    snow: bool = False
    """Whether ground beside snow is told from water; the bands are those of `SNOW_BANDS`, in reflectance."""
    max_hand: float = math.inf
    """m."""
    max_slope: float = math.inf
    """Degrees."""

    @property
    def measured(self) -> tuple[str, ...]:
        """Bands that are measured, of each date."""
        return tuple(band for group in self.groups for band in group)

    @property
    def scene_bands(self) -> tuple[str, ...]:
        """Bands that are read of the scene itself."""
        nir = ("nir",) if self.nir_limit is not None else ()
        return tuple(dict.fromkeys((*self.measured, *nir)))

    @property
    def bands(self) -> tuple[str, ...]:
        """Channels of the session in their order: the scene's, those of earlier scenes, layers."""
        earlier = (before_band(index, band) for index in range(self.before) for band in self.measured)
        by_tile = (TILE_THRESHOLD,) if self.tiles is not None else ()
        return (*self.scene_bands, *earlier, *self.layers, *by_tile)

    @property
    def three_classes(self) -> bool:
        """Whether the map separates flood from permanent water; otherwise it has one class, water."""
        return self.before > 0 or PERMANENT in self.layers

    @property
    def margin(self) -> int:
        """Pixels around a tile that it reads; results are exact where tiles overlap by twice that."""
        filtered = self.smoothing.margin if self.smoothing is not None else 0
        shore = SHORE_MARGIN if self.shore is not None else 0
        return filtered + self.method.margin + shore + (SNOW_REACH if self.snow else 0)

    def by_polarisation(self, available: Collection[str]) -> Iterator[WaterChoice]:
        """Yield the choice, then the same by each other available band that its method may use instead."""
        yield self
        if self.method.bands_used == "first" and self.measured[0] in available:
            for band in self.method.bands:
                if band in available and band != self.measured[0]:
                    yield replace(self, groups=((band,),))

    def score(self, value: float) -> float:
        """Return the score, 0..1, of a value of the measure."""
        sign = -1.0 if self.method.threshold.water_below else 1.0
        z = sign * (value - self.threshold) / self.scale
        return 1 / (1 + math.exp(-min(max(z, -60.0), 60.0)))


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """The methods that a scene allows, and the channels of the sample that decides between them."""

    choices: tuple[WaterChoice, ...]
    """Best first, with thresholds from the literature."""
    scene_bands: tuple[str, ...]
    """Bands of the scene itself."""
    before_bands: tuple[str, ...]
    """Bands of each earlier scene, without prefix."""
    before: int
    """Number of earlier scenes that are read."""
    bands: tuple[str, ...]
    """Channels in their order: the scene's, those of earlier scenes, layers."""
    low_sun: bool = False
    """Whether shadows are long; then nothing dark next to water counts as its shore."""


def before_prefix(index: int) -> str:
    """Return the prefix of the bands of an earlier scene: `before`, `before2`, …; index counts from 0."""
    return "before" if index == 0 else f"before{index + 1}"


def before_band(index: int, band: str) -> str:
    """Return the name of a band of an earlier scene: `before:vv`, `before2:vv`, …; index counts from 0."""
    return f"{before_prefix(index)}:{band}"
