"""Spots become plumes, suspects or nothing: by what chance makes, by a known source, by screens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields

import numpy as np
import shapely
from numpy.typing import NDArray

from geoseg.features import Features
from geoseg.grid import Grid, Window
from geoseg.methane.column_threshold import Search, share_at_source
from geoseg.methane.plume_rates import Measured, Measurer, Patch
from geoseg.methane.retrieval import CH4
from geoseg.methods.plume_search import FalseAlarms
from geoseg.outputs import Kind, rasterise
from geoseg.polygons import REGION, Regions
from geoseg.polygons.outlines import polygons
from geoseg.scenes import Source
from geoseg.scenes.wind_fields import Wind
from geoseg.spec import PlumeSpec

Ints = NDArray[np.int64]

WindAt = Callable[[float, float], Wind | None]
"""Wind at a longitude and latitude; None where it is not known."""

PLUME, SUSPECT = 1, 2
"""Class values."""

WORTH_TELLING = 1.0
"""Expected false alarms from which on a spot is not even a suspect."""

LARGEST = 1024
"""Pixels a side of the largest window that is measured: what is larger drifts from no single source."""

BESIDE = 24
"""Pixels around a plume's box that are looked at, at least."""

_KINDS: dict[type, Kind] = {float: "float", int: "int", str: "text"}

SCHEMA: dict[str, Kind] = {
    **{item.name: _KINDS[type(item.default)] for item in fields(Measured)},
    "false_alarms": "float",
}
"""Columns of a plume besides those of every map."""


@dataclass(kw_only=True)
class PlumeJudge:
    """Judges the regions of a map and keeps what it found out of each."""

    grid: Grid
    search: Search
    alarms: FalseAlarms | None
    """None: a network drew the mask, and chance is not known."""
    searched: int
    """Pixels of the scene that have a column."""
    reader: Source
    """Read on the thread that writes."""
    band: str
    """The one that plumes were searched in."""
    bands: tuple[str, ...]
    """`ch4` and what screens look at."""
    wind_at: WindAt
    measurer: Measurer
    spec: PlumeSpec
    found: dict[int, tuple[Measured, float]] = field(default_factory=dict)
    """Measurements and expected false alarms by region."""

    def __call__(self, regions: Regions) -> Ints:
        """Return 1 of plumes, 2 of suspects, 0 of what chance or another place explains."""
        expected = self._expected(regions)
        shapes = polygons(regions.outlines)
        classes = np.zeros(len(regions), np.int64)
        likely = (regions.pixels >= self.search.min_pixels) & ~(expected >= WORTH_TELLING)
        for index in np.flatnonzero(likely).tolist():
            if not self._at_source(shapes[index]):
                continue
            measured = self._measure(shapes[index])
            chance = float(expected[index])
            self.found[int(regions.ids[index])] = measured, chance
            sure = not chance > self.spec.false_alarms
            # Where all around is beyond the table's end, too, nothing is left above it.
            weighs = measured.ime_kg > 0
            classes[index] = PLUME if sure and weighs and measured.passes else SUSPECT
        return classes

    def describe(self, features: Features) -> Features:
        """Add the columns of `SCHEMA`; `score_mean` becomes the chance that a spot so strong is no noise."""
        own = [self.found[region] for region in features.columns[REGION].tolist()]
        columns = dict(features.columns)
        for name, kind in SCHEMA.items():
            if name == "false_alarms":
                values = [round(chance, 6) for _, chance in own]
            else:
                values = [getattr(measured, name) for measured, _ in own]
            dtype = {"int": np.int64, "float": np.float64, "text": object}[kind]
            columns[name] = np.array(values, dtype)
        chances = columns["false_alarms"]
        known = np.isfinite(chances)
        columns["score_mean"] = np.where(
            known, np.round(1 / (1 + np.where(known, chances, 0)), 4), columns["score_mean"]
        )
        return Features(geometry=features.geometry, columns=columns)

    def _expected(self, regions: Regions) -> NDArray[np.float64]:
        """False spots of each region's strength or more that chance makes where plumes are looked for."""
        if self.alarms is None:
            return np.full(len(regions), np.nan)
        strengths = self.search.strengths(regions.score_sum, regions.pixels)
        expected = self.alarms.expected(strengths)
        if self.spec.source is None:
            return expected
        # Only spots that touch the source count, so that only those near it can be false alarms.
        share = share_at_source(self.spec, self.grid, self.searched, regions.pixels)
        return np.asarray(expected * share)

    def _at_source(self, shape: shapely.Geometry) -> bool:
        """Whether a polygon in pixel coordinates touches the known source; any does where none is known."""
        if self.spec.source is None:
            return True
        col, row = self.grid.from_lonlat(*self.spec.source)
        down, right = self.grid.pixel_size_m
        scaled = shapely.transform(shape, lambda xy: xy * (right, down))
        return bool(
            shapely.distance(scaled, shapely.Point(col * right, row * down)) <= self.spec.source_radius
        )

    def _measure(self, shape: shapely.Geometry) -> Measured:
        """Read the window around a polygon in pixel coordinates and measure it."""
        left, top, right, bottom = (int(value) for value in shape.bounds)
        if max(right - left, bottom - top) > LARGEST:
            return Measured(screens_failed="size")
        pad = max(BESIDE, (right - left + bottom - top) // 2)
        window = (
            Window(row=top, col=left, height=bottom - top, width=right - left)
            .pad(pad)
            .intersect(self.grid.window)
        )
        pixels = self.reader.read(window, self.bands)
        # Taken as they are: water and cloud are known where there is no column, too.
        bands = dict(zip(pixels.bands, np.asarray(pixels.data, np.float32), strict=True))
        for name in (CH4, self.band):
            bands[name] = np.where(pixels.valid, bands[name], np.float32(np.nan))
        mask = np.zeros((window.height, window.width), np.uint8)
        moved = shapely.transform(shape, lambda xy: xy - (window.col, window.row))
        rasterise(np.array([moved], object), np.array([1]), out=mask)
        patch = Patch(
            window=window,
            mask=mask == 1,
            searched=self.band,
            bands=bands,
            areas_m2=self.grid.window_areas(window),
        )
        middle = shape.centroid
        lon, lat = self.grid.lonlat(np.array([middle.y]), np.array([middle.x]))
        wind = self.wind_at(float(lon[0]), float(lat[0]))
        return self.measurer(patch, wind)
