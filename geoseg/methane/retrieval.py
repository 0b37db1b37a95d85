"""Methane columns of a scene, however they were retrieved: what plumes are searched in."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from geoseg.scenes import Scene, Source
from geoseg.spec import SatelliteSpec

CH4 = "ch4"
"""The band of the enhancement, in ppm·m."""

SIGNAL = "signal"
"""What plumes are searched in where columns end with the table: the relative change of the bands, counted in
ppm·m as at small amounts, so that noise beyond the table is still seen for what it is."""

WATER, CLOUD = "water", "cloud"
"""Where there is water or deep shadow, and cloud: 1, 0, or NaN where not known."""

ALBEDO = "albedo"
"""How bright the ground is at 1.6 to 2.2 µm, in the scene's units."""

GREENNESS = "ndvi"
"""Normalised difference of near infrared and red, NaN where it is not known: what gas does not change."""

REFERENCE_CH4 = "reference:ch4"
"""The signal of the references alone, by their own bands."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Retrieved:
    """A scene's methane enhancement as a band, with the bands that screens look at beside it."""

    source: Source
    """Has `ch4` (ppm·m float32, not valid where it is not known), `searched`, and the bands of `beside`."""
    beside: tuple[str, ...]
    """Further bands of `source`."""
    again: Callable[[], AbstractContextManager[Source]]
    """Opens the same once more, to be read on another thread."""
    method: str
    """One line for people: how it was retrieved."""
    scene: Scene
    """Whose sensor and time count."""
    satellite: SatelliteSpec
    inputs: tuple[Scene, ...] = ()
    """Further scenes that went in: references."""
    stored: bool = False
    """Whether `source` reads columns from a file; else they are computed where they are read."""
    searched: str = CH4
    """The band that plumes are searched in."""
    most_ppm_m: float = math.inf
    """Where the table of absorption ends: greater columns stay at it and are called saturated."""
