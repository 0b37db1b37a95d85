"""The order: read → normalise → score → blend → regions → polygons → write.

`engine.scoring` does the first half on its threads; here its finished strips become files, on the thread
that consumes them. Nothing is held but open regions, unless cleaning needs all polygons at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from geoseg.engine.preview import LONGEST, Preview
from geoseg.engine.scoring import Job, score
from geoseg.features import Features
from geoseg.grid import Grid
from geoseg.outputs import RasterSink, VectorSink, rasterise
from geoseg.pixels import Strip, class_dtype, nodata_class
from geoseg.polygons import REGION, Cleaning, Judge, PatchTable, Polygoniser
from geoseg.polygons.regions import RegionTable
from geoseg.run_record import ClassTotal, Progress
from geoseg.spec import ClassSpec

FOOTPRINT_SIDE = 1024
"""Pixels of the longer side of the grid on which the footprint is drawn."""


AnyInt = TypeVar("AnyInt", bound=np.integer[Any])

Describe = Callable[[Features], Features]
"""Adds a task's own columns to those of every map; where regions are judged, it finds their ids in the
column `geoseg.polygons.REGION`, which is not written."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What is in a finished map."""

    totals: tuple[ClassTotal, ...]
    valid_pixels: int
    preview: Preview
    """The scene, with the classes as they are after cleaning."""
    footprint: shapely.Geometry
    """MultiPolygon of the observed pixels in the CRS of the vectors, exact to 1/1024 of the scene."""


def segment(  # noqa: PLR0913 - a map's inputs, sinks and hooks
    job: Job,
    classes: Sequence[ClassSpec],
    cleaning: Cleaning,
    vector: VectorSink,
    raster: RasterSink | None,
    progress: Progress,
    *,
    picture: bool = True,
    describe: Describe | None = None,
    judge: Judge | None = None,
    background: int | None = 0,
) -> Summary:
    """Map a scene into open sinks; the caller finishes or discards them.

    Without `picture` the preview holds one pixel. `describe` adds a task's own columns, `judge` looks at
    regions first; both are called on the thread that writes. `background` is the class without polygons.
    """
    grid = job.source.grid
    preview = Preview(grid, job.bands, longest=LONGEST if picture else 1, dtype=job.dtype)
    writer = MapWriter(
        grid, classes, cleaning, vector, raster, describe=describe, judge=judge, background=background
    )
    score(job, writer.add, preview, progress)
    return writer.finish(preview)


class Codes:
    """Class values as regions and polygons know them: the background is 0 there, whatever its value.

    Where another class is 0, it takes the background's value; without a background, one that no class has.
    """

    def __init__(self, background: int | None, classes: Sequence[ClassSpec]) -> None:
        """Take the background's value; None, or a value that no class has: there is none."""
        given = {item.value for item in classes}
        unused = next(value for value in range(len(given) + 1) if value not in given)
        self._other = background if background is not None and background in given else unused

    def exchanged(self, values: NDArray[AnyInt]) -> NDArray[AnyInt]:
        """Return codes of class values, or class values of codes: two of them change places."""
        if self._other == 0:
            return values
        exchanged = values.copy()
        exchanged[values == 0] = self._other
        exchanged[values == self._other] = 0
        return exchanged

    def code(self, value: int) -> int:
        """Return the code of one class value."""
        return {0: self._other, self._other: 0}.get(value, value)


class MapWriter:
    """Turns finished strips into polygons and rasters, and counts what is in the map."""

    def __init__(  # noqa: PLR0913 - a map's sinks and hooks
        self,
        grid: Grid,
        classes: Sequence[ClassSpec],
        cleaning: Cleaning,
        vector: VectorSink,
        raster: RasterSink | None,
        *,
        omit: tuple[str, ...] = (),
        describe: Describe | None = None,
        judge: Judge | None = None,
        background: int | None = 0,
    ) -> None:
        """Write to open sinks.

        Args:
            grid: of the map.
            classes: that it may hold.
            cleaning: what is dropped, filled, smoothed.
            vector: takes the polygons.
            raster: takes classes and scores; None: not wanted.
            omit: columns that the map cannot fill.
            describe: adds others.
            judge: looks at regions first.
            background: value of the class that gets no polygons; None, or one that no class has: none.
        """
        self._grid = grid
        self._codes = Codes(background, classes)
        self._classes = {item.value: item.label for item in classes if item.value != background}
        self._cleaning = cleaning
        self._vector = vector
        self._raster = raster
        self._omit = omit
        self._describe = describe
        self._table = RegionTable(grid)
        labels = {self._codes.code(value): label for value, label in self._classes.items()}
        self._patches = PatchTable(grid) if cleaning.min_patch else None
        self._polygons = Polygoniser(grid, cleaning, labels, judge)
        self._counts = dict.fromkeys(self._classes, (0, 0, 0.0))
        self._valid_pixels = 0
        self._footprint = Preview(
            grid, (), longest=FOOTPRINT_SIDE, dtype=class_dtype(item.value for item in classes)
        )

    def add(self, strip: Strip) -> None:
        """Take in the next strip."""
        self._valid_pixels += int(np.count_nonzero(strip.valid))
        self._footprint.add_classes(strip.row, strip.classes)
        if self._raster is not None:
            self._raster.write(strip)
        coded = replace(strip, classes=self._codes.exchanged(strip.classes))
        runs, closed = self._table.add(coded)
        self._polygons.add_rows(coded.row, coded.classes, runs.region_at, runs.renamed_from, runs.renamed_to)
        patches = None if self._patches is None else self._patches.add(coded, runs, closed)
        self._write(self._polygons.close(closed, patches))

    def finish(self, preview: Preview) -> Summary:
        """End below the last strip; what cleaning changed goes to the raster and the preview."""
        self._polygons.end_rows()
        closed = self._table.finish()
        patches = None if self._patches is None else self._patches.finish(closed)
        self._write(self._polygons.close(closed, patches))
        self._write(self._polygons.finish())
        edits = self._polygons.edits
        for geometries, values in zip(edits.geometries, edits.values, strict=True):
            plain = self._codes.exchanged(np.asarray(values))
            rasterise(geometries, plain, out=preview.classes, scale=preview.step)
            if self._raster is not None:
                self._raster.burn(geometries, plain)
        drawn = self._footprint.classes
        seen = np.not_equal(drawn, nodata_class(drawn.dtype))
        return Summary(
            totals=self._totals(),
            valid_pixels=self._valid_pixels,
            preview=preview,
            footprint=outline(seen, self._grid, self._cleaning.dst_crs),
        )

    def _write(self, features: Features) -> None:
        """Write and count a batch."""
        if len(features) == 0:
            return
        columns = features.columns
        columns["class"] = self._codes.exchanged(columns["class"])
        for value in np.unique(columns["class"]).tolist():
            own = columns["class"] == value
            count, pixels, area = self._counts[value]
            self._counts[value] = (
                count + int(own.sum()),
                pixels + int(columns["pixels"][own].sum()),
                math.fsum((area, *columns["area_m2"][own].tolist())),
            )
        kept = {name: values for name, values in columns.items() if name not in self._omit}
        plain = Features(geometry=features.geometry, columns=kept)
        described = plain if self._describe is None else self._describe(plain)
        described.columns.pop(REGION, None)
        self._vector.write(described)

    def _totals(self) -> tuple[ClassTotal, ...]:
        """Totals of the classes that the map can have."""
        return tuple(
            ClassTotal(
                value=value,
                label=self._classes[value],
                polygons=count,
                pixels=pixels,
                area_m2=None if self._grid.crs is None else round(area, 2),
            )
            for value, (count, pixels, area) in self._counts.items()
        )


def outline(seen: NDArray[np.bool_], grid: Grid, dst_crs: CRS | None = None) -> shapely.Geometry:
    """Return the outline of what was observed, drawn on every n-th row and column.

    Args:
        seen: (h, w), True = observed; covers the whole grid.
        grid: of the scene.
        dst_crs: of the outline; None: the grid's.
    """
    drawn = seen.astype(np.uint8)
    grid = grid.resized(*seen.shape)
    table = RegionTable(grid)
    polygons = Polygoniser(grid, Cleaning(dst_crs=dst_crs), {1: "observed"})
    runs, closed = table.add(Strip(row=0, classes=drawn, scores=drawn))
    polygons.add_rows(0, drawn, runs.region_at, runs.renamed_from, runs.renamed_to)
    polygons.end_rows()
    parts = [polygons.close(regions).geometry for regions in (closed, table.finish())]
    return shapely.multipolygons(np.concatenate(parts))
