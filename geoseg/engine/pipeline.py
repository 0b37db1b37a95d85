"""The order: read → normalise → score → blend → regions → polygons → write.

`engine.scoring` does the first half on its threads. `MapWriter` turns its finished strips into files, on the
thread that consumes them. It holds only open regions, unless cleaning needs all polygons at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from geoseg.engine.preview import Preview, rasterise
from geoseg.engine.recipe import Extras
from geoseg.features import Features
from geoseg.grid import Grid
from geoseg.pixels import Strip, class_dtype, nodata_class
from geoseg.polygons import REGION, Cleaning, Polygoniser, Storage
from geoseg.polygons.outlines import Polygons
from geoseg.run_record import ClassTotal
from geoseg.spec import ClassSpec

if TYPE_CHECKING:
    from geoseg.outputs.cog import ClassRasterSink
    from geoseg.outputs.sink import StagedSink

FOOTPRINT_SIDE = 1024
"""Pixels of the longer side of the grid on which the footprint is drawn."""


AnyInt = TypeVar("AnyInt", bound=np.integer[Any])


class MapWriter:
    """Turns finished strips into polygons and rasters, and counts what is in the map.

    In regions and polygons the background is 0, whatever its class value: the values 0 and background are
    exchanged on the way in and on the way out.
    """

    footprint: shapely.Geometry
    """MultiPolygon of the observed pixels in the CRS of the vectors, exact to 1/1024 of the scene; set by
    `finish`."""

    def __init__(
        self,
        grid: Grid,
        classes: Sequence[ClassSpec],
        cleaning: Cleaning,
        vector: StagedSink,
        raster: ClassRasterSink | None = None,
        *,
        extras: Extras | None = None,
        background: int | None = 0,
        storage: Storage | None = None,
    ) -> None:
        """Write to open sinks.

        Args:
            grid: of the map.
            classes: of the map, the background included.
            cleaning: minimum areas, filling, simplification.
            vector: sink of the polygons.
            raster: sink of classes and scores; None: no raster output.
            extras: `describe` and `reclassify` change each batch of polygons, `dropped` is called with
                regions that cleaning drops, on the thread that writes.
            background: value of the class without polygons; None, or a value that no class has: every class
                has polygons.
            storage: of polygons until they are written; None: the default limits.
        """
        self.valid_pixels = 0
        """Observed pixels so far."""
        self._grid = grid
        values = {item.value for item in classes}
        unused = next(value for value in range(len(values) + 1) if value not in values)
        self._zero = background if background is not None and background in values else unused
        self._classes = {item.value: item.label for item in classes if item.value != background}
        self._cleaning = cleaning
        self._vector = vector
        self._raster = raster
        extras = extras or Extras()
        self._describe = extras.describe
        self._shape = extras.shape
        exchanged = {0: self._zero, self._zero: 0}
        labels = {exchanged.get(value, value): label for value, label in self._classes.items()}
        self._polygons = Polygoniser(
            grid,
            cleaning,
            labels,
            extras.reclassify,
            dropped=extras.dropped,
            storage=storage,
            quantiles=extras.quantiles,
        )
        self._counts = dict.fromkeys(self._classes, (0, 0, 0.0))
        self._observed = Preview(grid, (), longest=FOOTPRINT_SIDE, dtype=class_dtype(values))

    @property
    def totals(self) -> tuple[ClassTotal, ...]:
        """Polygons, pixels and area of each class that has polygons."""
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

    def add(self, strip: Strip) -> None:
        """Add the next strip."""
        self.valid_pixels += int(np.count_nonzero(strip.valid))
        self._observed.add_classes(strip.row, strip.classes)
        if self._raster is not None:
            self._raster.write(strip)
        for features in self._polygons.add(replace(strip, classes=self._exchange(strip.classes))):
            self._write(features)

    def finish(self, preview: Preview | None = None) -> None:
        """End below the last strip; apply what cleaning changed to the raster and the preview."""
        for features in self._polygons.finish():
            self._write(features)
        if preview is not None:
            for geometries, values in self._edits():
                rasterise(geometries, values, out=preview.classes, scale=preview.step)
        if self._raster is not None:
            self._raster.burn(self._edits)
        drawn = self._observed.classes
        observed = np.not_equal(drawn, nodata_class(drawn.dtype))
        self.footprint = outline(observed, self._grid, self._cleaning.dst_crs)

    def _edits(self, row: int = 0, stop: int | None = None) -> Iterator[tuple[Polygons, NDArray[np.int64]]]:
        """Yield polygons in pixel coordinates and their new classes."""
        for geometries, values in self._polygons.edits.batches(row, stop):
            yield geometries, self._exchange(values)

    def _exchange(self, values: NDArray[AnyInt]) -> NDArray[AnyInt]:
        """Return values in which 0 and the background's value have changed places."""
        if self._zero == 0:
            return values
        exchanged = values.copy()
        exchanged[values == 0] = self._zero
        exchanged[values == self._zero] = 0
        return exchanged

    def _write(self, features: Features) -> None:
        """Count and write a batch."""
        if len(features) == 0:
            return
        columns = features.columns
        columns["class"] = self._exchange(columns["class"])
        for value in np.unique(columns["class"]).tolist():
            same = columns["class"] == value
            count, pixels, area = self._counts[value]
            self._counts[value] = (
                count + int(same.sum()),
                pixels + int(columns["pixels"][same].sum()),
                math.fsum((area, *columns["area_m2"][same].tolist())),
            )
        described = features if self._describe is None else self._describe(features)
        described.columns.pop(REGION, None)
        described = replace(described, large=features.large)
        if self._shape is not None:
            described = self._shape(described)
        self._vector.write(replace(described, large=features.large))


def outline(observed: NDArray[np.bool_], grid: Grid, dst_crs: CRS | None = None) -> shapely.Geometry:
    """Return the outline of the observed pixels, drawn on every n-th row and column.

    Args:
        observed: (h, w); covers the whole grid.
        grid: of the scene.
        dst_crs: of the outline; None: the grid's.
    """
    drawn = observed.astype(np.uint8)
    grid = grid.resized(*observed.shape)
    polygons = Polygoniser(grid, Cleaning(dst_crs=dst_crs), {1: "observed"})
    parts = [*polygons.add(Strip(row=0, classes=drawn, scores=drawn)), *polygons.finish()]
    return shapely.multipolygons(np.concatenate([part.geometry for part in parts]))
