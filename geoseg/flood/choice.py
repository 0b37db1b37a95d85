"""What was chosen to map the water of a scene: methods that are possible, and one with all that it needs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from geoseg.flood.method import Smoothing, WaterMethod

CLASSICAL = "classical"
"""`--method`: the best method without weights, even where a network would be taken."""

PERMANENT, HAND, SLOPE = LAYERS = ("permanent_water", "hand", "slope")
"""Names of the optional layers among a session's bands."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A method with what it reads and what was fixed for a scene: all that a `WaterSession` needs."""

    method: WaterMethod
    groups: tuple[tuple[str, ...], ...]
    """Bands that are measured together; of several groups one suffices for water."""
    threshold: float
    """In the unit of the method's measure; gives the score 0.5 exactly."""
    scale: float
    """Distance from the threshold at which the score is 0.73 or 0.27."""
    before: int = 0
    """How many earlier scenes are read."""
    layers: tuple[str, ...] = ()
    """Which of `LAYERS` are read."""
    seed: float | None = None
    """Regions whose best score stays below this are to be dropped (region growing); None: all stay."""
    smoothing: Smoothing | None = None
    nir_limit: float | None = None
    """Near-infrared reflectance above which nothing is water; None: not asked."""
    max_hand: float = math.inf
    """m."""
    max_slope: float = math.inf
    """Degrees."""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def measured(self) -> tuple[str, ...]:
        """Bands that are measured, of each date."""
        return tuple(band for group in self.groups for band in group)

    @property
    def scene_bands(self) -> tuple[str, ...]:
        """Bands that are read of the scene itself."""
        return _union([self.measured, ("nir",) if self.nir_limit is not None else ()])

    @property
    def bands(self) -> tuple[str, ...]:
        """Channels of the session in their order: of the scene, of earlier scenes, layers."""
        earlier = (before_band(index, band) for index in range(self.before) for band in self.measured)
        return (*self.scene_bands, *earlier, *self.layers)

    @property
    def three_classes(self) -> bool:
        """Whether flood and permanent water are told apart; otherwise there is one class, water."""
        return self.before > 0 or PERMANENT in self.layers

    @property
    def margin(self) -> int:
        """Pixels around a tile that its filter needs; exact results need tiles to overlap by twice that."""
        return self.smoothing.margin if self.smoothing is not None else 0

    def score(self, value: float) -> float:
        """Score in 0..1 of a value of the measure."""
        sign = -1.0 if self.method.threshold.water_below else 1.0
        z = sign * (value - self.threshold) / self.scale
        return 1 / (1 + math.exp(-min(max(z, -60.0), 60.0)))


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Which methods a scene allows, before any pixel is read."""

    choices: tuple[Choice, ...]
    """Best first, with thresholds from the literature."""
    notes: tuple[str, ...] = ()

    @property
    def scene_bands(self) -> tuple[str, ...]:
        """Bands that a sample must hold of the scene itself."""
        return self._all(lambda choice: choice.scene_bands)

    @property
    def before(self) -> int:
        """How many earlier scenes are read."""
        return max(choice.before for choice in self.choices)

    @property
    def before_bands(self) -> tuple[str, ...]:
        """Bands that a sample must hold of each earlier scene, without prefix."""
        return self._all(lambda choice: choice.measured)

    @property
    def bands(self) -> tuple[str, ...]:
        """Channels of the sample, in this order: of the scene, of earlier scenes, layers."""
        earlier = (before_band(index, band) for index in range(self.before) for band in self.before_bands)
        return (*self.scene_bands, *earlier, *self._all(lambda choice: choice.layers))

    def _all(self, bands_of: Callable[[Choice], tuple[str, ...]]) -> tuple[str, ...]:
        return _union(bands_of(choice) for choice in self.choices)


def _union(names: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """All names, each once, in their first order."""
    return tuple(dict.fromkeys(name for some in names for name in some))


def before_prefix(index: int) -> str:
    """What the bands of an earlier scene are called by: `before`, `before2`, …; index counts from 0."""
    return "before" if index == 0 else f"before{index + 1}"


def before_band(index: int, band: str) -> str:
    """Name of a band of an earlier scene: `before:vv`, `before2:vv`, …; index counts from 0."""
    return f"{before_prefix(index)}:{band}"
