"""The result of a methane retrieval: column enhancements of a scene with the bands that screening needs."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from geoseg.scenes import Scene, Source
from geoseg.spec import SatelliteSpec

CH4 = "ch4"
"""Band of the column enhancement, in ppm·m."""

SIGNAL = "signal"
"""Band in which plumes are searched: the relative change of the bands, converted to ppm·m linearly by the
slope of the absorption table at small enhancements. It is not limited to the range of the table, so that
noise beyond the table is measured as noise."""

WATER, CLOUD = "water", "cloud"
"""Bands of water or deep shadow, and of cloud: 1, 0, or NaN where unknown."""

ALBEDO = "albedo"
"""Band of the surface brightness at 1.6 to 2.2 µm, in the units of the scene."""

GREENNESS = "ndvi"
"""Band of the normalised difference of near infrared and red, which methane does not change; NaN where
unknown."""

GREENNESS_CHANGE = "ndvi change"
"""Band of NDVI minus that of the reference scenes; NaN where unknown."""

REFERENCE_CH4 = "reference:ch4"
"""Band of the signal of the reference scenes alone, from both of their own bands."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Retrieval:
    """Methane column enhancements of a scene."""

    source: Source
    """Bands `ch4` (ppm·m, float32, not valid where not retrieved), `search_band` and `screening_bands`."""
    screening_bands: tuple[str, ...]
    """Bands of `source` that the screens use."""
    reopen: Callable[[], AbstractContextManager[Source]]
    """Opens `source` a second time, to be read on another thread."""
    method: str
    """Description of the retrieval, one line."""
    scene: Scene
    """The scene, for its sensor and acquisition time."""
    satellite: SatelliteSpec
    references: tuple[Scene, ...] = ()
    """Reference scenes."""
    shift_px: float = math.nan
    """Greatest clear shift of a reference that is left, in pixels; NaN: unknown."""
    on_disk: bool = False
    """Whether `source` reads stored enhancements; else it computes them when it is read."""
    search_band: str = CH4
    """Band in which plumes are searched."""
    table_limit_ppm_m: float = math.inf
    """Largest enhancement in the absorption table, in ppm·m; pixels at this limit are saturated."""
