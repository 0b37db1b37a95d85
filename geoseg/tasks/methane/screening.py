"""Screening: regions above the threshold become plumes, suspects or nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

import numpy as np
import shapely
from numpy.typing import NDArray

from geoseg.engine.preview import rasterise
from geoseg.features import Features
from geoseg.grid import Window
from geoseg.methods.plume_search import FalseAlarms
from geoseg.outputs import Kind
from geoseg.polygons import REGION, Regions
from geoseg.polygons.outlines import polygons
from geoseg.scenes import Source
from geoseg.spec import PlumeSpec
from geoseg.tasks.methane.column_threshold import Search, share_at_source
from geoseg.tasks.methane.plume_rates import PlumeAttributes, PlumeMeasurer
from geoseg.tasks.methane.plume_wind import PlumeWind
from geoseg.tasks.methane.retrieval import CH4, Retrieval
from geoseg.tasks.methane.unasked_screens import BUILT_UP, STRICTER, unasked_screens

Ints = NDArray[np.int64]

PLUME, SUSPECT = 1, 2
"""Class values."""

MAX_FALSE_ALARMS = 1.0
"""Expected number of false alarms at which a region is dropped instead of being a suspect."""

MAX_SIDE = 1024
"""Longest side in pixels of a region that is measured; a longer one does not come from a single source."""

MIN_PADDING = 24
"""Pixels read around the bounding box of a plume, at least."""

_KINDS: dict[type, Kind] = {float: "float", int: "int", str: "text"}

SCHEMA: dict[str, Kind] = {
    **{item.name: _KINDS[type(item.default)] for item in fields(PlumeAttributes)},
    "false_alarms": "float",
}
"""Columns of plumes besides those of every map."""


@dataclass(kw_only=True)
class PlumeScreening:
    """Classifies the regions of a map and keeps the attributes of plumes and suspects.

    Without `--source`, plumes of multispectral scenes also need the screens of `unasked_screens`.
    """

    spec: PlumeSpec
    retrieval: Retrieval
    search: Search
    false_alarms: FalseAlarms | None
    """None: a network drew the mask, and the number of false alarms is unknown."""
    retrieved_pixels: int
    """Number of pixels of the scene that have a column enhancement."""
    reader: Source
    """The source of the retrieval, opened again for the thread that writes."""
    wind: PlumeWind
    measurer: PlumeMeasurer
    attributes: dict[int, tuple[PlumeAttributes, float]] = field(default_factory=dict)
    """Attributes and expected number of false alarms, by region."""

    def __call__(self, regions: Regions) -> Ints:
        """Return the class of each region: 1 plume, 2 suspect, 0 noise or too far from `--source`."""
        expected = self._expected_false_alarms(regions)
        shapes = polygons(regions.outlines)
        classes = np.zeros(len(regions), np.int64)
        likely = (regions.pixels >= self.search.min_pixels) & ~(expected >= MAX_FALSE_ALARMS)
        for index in np.flatnonzero(likely).tolist():
            if not self._at_source(shapes[index]):
                continue
            attributes = self._measure(shapes[index])
            alarms = float(expected[index])
            self.attributes[int(regions.ids[index])] = attributes, alarms
            classes[index] = PLUME if self._confirmed(attributes, alarms) else SUSPECT
        return classes

    def _confirmed(self, attributes: PlumeAttributes, alarms: float) -> bool:
        """Return whether a region is a plume and no mere suspect."""
        failed = set(filter(None, attributes.screens_failed.split(",")))
        limit = self.spec.false_alarms
        if BUILT_UP in failed and np.isfinite(alarms):
            failed.remove(BUILT_UP)
            limit *= STRICTER
        # No mass is left above a background that is itself at the limit of the absorption table.
        return attributes.ime_kg > 0 and not failed and not alarms > limit

    def describe(self, features: Features) -> Features:
        """Add the columns of `SCHEMA`; set `score_mean` to 1 / (1 + expected number of false alarms)."""
        rows = [self.attributes[region] for region in features.columns[REGION].tolist()]
        columns = dict(features.columns)
        for name, kind in SCHEMA.items():
            if name == "false_alarms":
                values = [round(alarms, 6) for _, alarms in rows]
            else:
                values = [getattr(attributes, name) for attributes, _ in rows]
            dtype = {"int": np.int64, "float": np.float64, "text": object}[kind]
            columns[name] = np.array(values, dtype)
        expected = columns["false_alarms"]
        known = np.isfinite(expected)
        columns["score_mean"] = np.where(
            known, np.round(1 / (1 + np.where(known, expected, 0)), 4), columns["score_mean"]
        )
        return Features(geometry=features.geometry, columns=columns)

    def _expected_false_alarms(self, regions: Regions) -> NDArray[np.float64]:
        """Return the expected number of false alarms at least as strong as each region; NaN if unknown."""
        if self.false_alarms is None:
            return np.full(len(regions), np.nan)
        strengths = self.search.strengths(regions.score_sum, regions.pixels)
        expected = self.false_alarms.expected(strengths)
        if self.spec.source is None:
            return expected
        # Only regions that touch the source count, so only those near it can be false alarms.
        share = share_at_source(self.spec, self.measurer.grid, self.retrieved_pixels, regions.pixels)
        return np.asarray(expected * share)

    def _at_source(self, shape: shapely.Geometry) -> bool:
        """Return whether a polygon in pixel coordinates touches `--source`; True where none is given."""
        if self.spec.source is None:
            return True
        col, row = self.measurer.grid.from_lonlat(*self.spec.source)
        down, right = self.measurer.grid.pixel_size_m
        scaled = shapely.transform(shape, lambda xy: xy * (right, down))
        return bool(
            shapely.distance(scaled, shapely.Point(col * right, row * down)) <= self.spec.source_radius
        )

    def _measure(self, shape: shapely.Geometry) -> PlumeAttributes:
        """Read the window around a polygon in pixel coordinates and measure the plume in it."""
        left, top, right, bottom = (int(value) for value in shape.bounds)
        if max(right - left, bottom - top) > MAX_SIDE:
            return PlumeAttributes(screens_failed="size")
        padding = max(MIN_PADDING, (right - left + bottom - top) // 2)
        window = (
            Window(row=top, col=left, height=bottom - top, width=right - left)
            .pad(padding)
            .intersect(self.measurer.grid.window)
        )
        search_band = self.retrieval.search_band
        names = tuple(dict.fromkeys((CH4, search_band, *self.retrieval.screening_bands)))
        pixels = self.reader.read(window, names)
        # Stored values without the mask: water and cloud are known also where there is no enhancement.
        bands = dict(zip(pixels.bands, np.asarray(pixels.data, np.float32), strict=True))
        for name in (CH4, search_band):
            bands[name] = np.where(pixels.valid, bands[name], np.float32(np.nan))
        mask = np.zeros((window.height, window.width), np.uint8)
        moved = shapely.transform(shape, lambda xy: xy - (window.col, window.row))
        rasterise(np.array([moved], object), np.array([1]), out=mask)
        centre = shape.centroid
        lon, lat = self.measurer.grid.lonlat(np.array([centre.y]), np.array([centre.x]))
        wind = self.wind.at((float(lon[0]), float(lat[0])))
        attributes = self.measurer(window, mask == 1, bands, search_band, wind)
        if self.spec.source is not None or self.retrieval.satellite.kind == "spectrometer":
            return attributes
        passed, failed = unasked_screens(self.retrieval, bands, mask == 1)
        return replace(
            attributes,
            screens_passed=",".join(filter(None, (attributes.screens_passed, *passed))),
            screens_failed=",".join(filter(None, (attributes.screens_failed, *failed))),
        )
