"""Strips to polygons, exact to the pixel edge, as soon as their regions are complete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray

from geoseg.errors import SceneError
from geoseg.features import Features
from geoseg.grid import Grid
from geoseg.pixels import Classes, Strip, nodata_class
from geoseg.polygons.clean import (
    Cleaning,
    Reclassify,
    drop,
    fill,
    place,
    short,
    to_features,
)
from geoseg.polygons.edits import Dropped, Edits
from geoseg.polygons.large import POINT_BYTES, large_polygon
from geoseg.polygons.limits import Storage
from geoseg.polygons.outlines import join, outline, rectangles
from geoseg.polygons.regions import Regions, RegionTable, join_regions
from geoseg.polygons.segments import ramp
from geoseg.polygons.trace import Tracer

if TYPE_CHECKING:
    from geoseg.polygons.patches import PatchFilter

BATCH = 2**15
"""Polygons of a batch, if cleaning held all of them."""

MANY = "map a smaller part (`--bbox`, `--aoi`), or allow more memory (`--max-memory`)"


class Polygoniser:
    """Turns strips of classes into features; 0 and nodata have no polygons.

    Memory does not depend on the height of the map or the number of polygons: outlines of open regions and
    edits go to disk where they are many. Filling and simplification need all regions at the same time and
    refuse more than `Limits.held`.
    """

    def __init__(
        self,
        grid: Grid,
        cleaning: Cleaning,
        labels: Mapping[int, str],
        reclassify: Reclassify | None = None,
        *,
        dropped: Dropped | None = None,
        storage: Storage | None = None,
        quantiles: bool = False,
    ) -> None:
        """Start above the first row of a grid.

        Args:
            grid: of the map.
            cleaning: minimum areas, filling, simplification.
            labels: name of each class.
            reclassify: changes the class of regions or drops them; features then have a column `REGION`.
            storage: of outlines and edits; None: in memory up to the default limits.
            dropped: is called with the regions that cleaning drops.
            quantiles: whether features have quantiles of the scores.

        Raises:
            UsageError: the cleaning needs a CRS and the grid has none.
        """
        cleaning.check(grid)
        storage = storage or Storage()
        self._grid = grid
        self._cleaning = cleaning
        self._labels = labels
        self._reclassify = reclassify
        self._limits = storage.limits
        self._table = RegionTable(grid, histograms=quantiles)
        self._tracer = Tracer(grid.width, storage.spill, self._limits.segments)
        self._held: list[Regions] = []
        self._nodata: list[NDArray[np.float64]] = []
        self._nodata_above = np.zeros(grid.width, np.bool_)
        self._count = 0
        self.edits = Edits(storage.spill, self._limits.edits, dropped, kept=storage.keep_edits)
        """Changes made by cleaning so far, in pixel coordinates."""
        self._patches: PatchFilter | None = None
        if cleaning.min_patch or cleaning.patch_seed:
            from geoseg.polygons.patches import PatchFilter  # noqa: PLC0415 - only maps of transitions

            self._patches = PatchFilter(grid, cleaning, self.edits)

    def add(self, strip: Strip) -> Iterator[Features]:
        """Add the next strip and yield the features of regions that are complete; consume all of them.

        Raises:
            SceneError: a pixel has no area, because it lies outside of the domain of the CRS; or a polygon
                has too many corners, or there are too many polygons for the cleaning.
            OutputError: there is no space for a scratch file.
        """
        for part in _parts(strip, self._limits.runs):
            runs, closed = self._table.add(part)
            closed, classes = _without_bars(part, closed)
            self._tracer.add(part.row, classes, runs.region_at, runs.renamed_from, runs.renamed_to)
            if self._cleaning.fill_holes:
                self._find_nodata(part.row, part.classes)
            if self._patches is not None:
                closed = self._patches.add(part, runs, self._doubtful_outlined(closed, self._patches))
                self._check_held(self._patches.held)
            yield from self._complete(closed)

    def finish(self) -> Iterator[Features]:
        """End below the last row and yield the features of all remaining regions.

        Raises:
            SceneError: as in `add`.
        """
        self._tracer.finish()
        closed = self._table.finish()
        if self._patches is not None:
            closed = self._patches.finish(self._doubtful_outlined(closed, self._patches))
        yield from self._complete(closed)
        if self._cleaning.fill_holes or self._cleaning.redraws:
            regions = join_regions(self._held)
            self._held = []
            if self._cleaning.fill_holes:
                nodata = np.concatenate([np.empty((0, 2)), *self._nodata])
                regions = fill(regions, self._grid, self._cleaning.fill_holes, nodata, self.edits)
            step = len(regions) if self._cleaning.redraws else BATCH
            for begin in range(0, max(len(regions), 1), max(step, 1)):
                yield self._features(regions.take(np.arange(begin, min(begin + step, len(regions)))))

    def _complete(self, regions: Regions) -> Iterator[Features]:
        """Yield the features of complete regions, some at a time; at least one batch."""
        if not self.edits.kept:
            gone = short(regions, self._cleaning)
            if gone.any():
                self.edits.drop(regions.take(gone))
                self._tracer.forget(regions.ids[gone])
                regions = regions.take(~gone)
        sizes = self._tracer.sizes(regions.ids)
        if sizes is None:
            yield self._clean(self._outlined(regions))
            return
        ends = np.append(0, np.cumsum(sizes))
        begin = 0
        while True:
            most = ends[begin] + self._limits.segments // 2
            end = max(begin + 1, int(np.searchsorted(ends, most, side="right")) - 1)
            part = regions.take(np.arange(begin, min(end, len(regions))))
            if end == begin + 1 and len(part) and sizes[begin] > self._limits.large:
                yield self._large(part, 2 * int(sizes[begin]))
            else:
                yield self._clean(self._outlined(part))
            begin = end
            if begin >= len(regions):
                return

    def _outlined(self, regions: Regions) -> Regions:
        """Return complete regions with their outlines."""
        missing = np.flatnonzero(np.diff(regions.outlines.regions) == 0)
        found = outline(self._tracer.take(regions.ids[missing]), regions.ids[missing])
        if len(missing) == len(regions):
            return replace(regions, outlines=found)
        at = np.arange(len(regions))
        at[missing] = len(regions) + np.arange(len(missing))
        return replace(regions, outlines=join([regions.outlines, found]).take(at))

    def _doubtful_outlined(self, regions: Regions, patches: PatchFilter) -> Regions:
        """Return regions in their order; those that their patch may drop have outlines."""
        held = patches.falls_short(regions)
        if not held.any():
            return regions
        position = np.concatenate((np.flatnonzero(held), np.flatnonzero(~held)))
        outlined = self._outlined(regions.take(held))
        return join_regions([outlined, regions.take(~held)]).take(np.argsort(position))

    def _large(self, region: Regions, corners: int) -> Features:
        """Return the feature of one region whose polygon is too large for an object.

        Raises:
            SceneError: cleaning needs the polygon as an object, or it is larger than a file may hold.
        """
        cleaning = self._cleaning
        row, col = divmod(int(region.first[0]), self._grid.width)
        what = f"the region that begins at row {row}, column {col} has an outline of {corners:,} corners"
        many = f"{what}: the map is noise; smooth it"
        if cleaning.fill_holes or cleaning.redraws or cleaning.dst_crs or self._reclassify is not None:
            raise SceneError(
                f"{many}, or omit `--fill-holes`, `--simplify`, `--smooth-outlines` and `--dst-crs`, which "
                f"cannot process it; or {MANY}"
            )
        if POINT_BYTES * corners > self._limits.polygon_bytes:
            raise SceneError(
                f"{many}; polygons of more than {self._limits.polygon_bytes / 1e6:,.0f} MB cannot be "
                f"written; or {MANY}"
            )
        if len(drop(region, cleaning, Edits(kept=False))) == 0:
            raise SceneError(f"{many}, or choose a smaller minimum area; or {MANY}")
        polygon = large_polygon(self._tracer.take(region.ids), self._grid.transform)
        shapes = np.array([shapely.box(*polygon.bounds)], object)
        features = to_features(region, shapes, self._grid, self._labels)
        return replace(features, large=polygon)

    def _clean(self, regions: Regions) -> Features:
        """Drop regions and return the features of the others; hold them if cleaning needs all regions."""
        regions = drop(regions, self._cleaning, self.edits)
        if self._reclassify is not None and len(regions):
            # Regions whose new class is 0 are omitted.
            classes = self._reclassify(regions)
            changed = np.flatnonzero(classes != regions.classes)
            self.edits.add(regions.outlines.take(changed), classes[changed])
            regions = replace(regions, classes=classes).take(np.flatnonzero(classes != 0))
        if self._cleaning.fill_holes or self._cleaning.redraws:
            self._held.append(regions)
            # A corner takes about a thirtieth of the memory of a small region.
            self._count += len(regions) + len(regions.outlines.cols) // 32
            self._check_held(self._count)
            regions = join_regions([])
        return self._features(regions)

    def _check_held(self, count: int) -> None:
        """Raise `SceneError` if more regions must be held than memory allows."""
        if count > self._limits.held:
            what = (
                "touching small changes"
                if self._patches is not None
                else "`--fill-holes`, `--simplify` and `--smooth-outlines`"
            )
            few = f"; cleaning cannot hold more than {self._limits.held:,} polygons at once"
            raise SceneError(
                f"{what}: too many polygons{few}; give a larger `--min-area`, omit the option, or {MANY}"
            )

    def _features(self, regions: Regions) -> Features:
        """Return the features of cleaned regions."""
        shapes = place(regions, self._grid, self._cleaning)
        return to_features(regions, shapes, self._grid, self._labels, with_ids=self._reclassify is not None)

    def _find_nodata(self, row: int, classes: Classes) -> None:
        """Store a point of each patch of nodata: pixels with no nodata above and to the left."""
        nodata = nodata_class(classes.dtype)
        begins = classes == nodata
        last = begins[-1].copy()
        begins[1:] &= classes[:-1] != nodata
        begins[0] &= ~self._nodata_above
        begins[:, 1:] &= classes[:, :-1] != nodata
        self._nodata_above = last
        rows, cols = np.nonzero(begins)
        if len(rows):
            self._nodata.append(np.stack((cols + 0.5, rows + row + 0.5), axis=1))


def _without_bars(strip: Strip, closed: Regions) -> tuple[Regions, Classes]:
    """Return the regions that ended in a strip, bars with outlines, and the classes that must be traced.

    A bar is a region of one run, as most specks are. Its outline is a rectangle, and other outlines do not
    change where it becomes background: no pixel of its class touches it along an edge.
    """
    width = strip.classes.shape[1]
    rows, cols = np.divmod(closed.first, width)
    bars = np.flatnonzero((rows == closed.last_row) & (rows >= strip.row))
    if not len(bars):
        return closed, strip.classes
    rows, cols, lengths = rows[bars], cols[bars], closed.pixels[bars]
    classes = np.ascontiguousarray(strip.classes).copy()
    pixels = np.repeat((rows - strip.row) * width + cols, lengths) + ramp(lengths)
    classes.reshape(-1)[pixels] = 0
    return replace(closed, outlines=rectangles(rows, cols, lengths, bars, len(closed))), classes


def _parts(strip: Strip, runs: int) -> Iterator[Strip]:
    """Cut a strip into strips of at most so many runs, or of single rows."""
    classes = strip.classes
    changes = classes[:, 1:] != classes[:, :-1]
    if len(classes) + np.count_nonzero(changes) <= runs:
        yield strip
        return
    ends = np.append(0, np.cumsum(1 + np.count_nonzero(changes, axis=1)))
    del changes
    begin = 0
    while begin < len(classes):
        end = max(begin + 1, int(np.searchsorted(ends, ends[begin] + runs, side="right")) - 1)
        part = slice(begin, end)
        yield Strip(row=strip.row + begin, classes=classes[part], scores=strip.scores[part])
        begin = end
