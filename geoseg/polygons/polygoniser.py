"""Strips to polygons, exact to the pixel edge, as soon as their regions are complete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geoseg.features import Features
from geoseg.grid import Grid
from geoseg.pixels import Classes, Strip, nodata_class
from geoseg.polygons.clean import Cleaning, Edits, Reclassify, drop, fill, place, reclassified, to_features
from geoseg.polygons.outlines import outline
from geoseg.polygons.regions import Regions, RegionTable, join_regions
from geoseg.polygons.trace import Tracer

if TYPE_CHECKING:
    from geoseg.polygons.patches import PatchFilter


class Polygoniser:
    """Turns strips of classes into features; 0 and nodata have no polygons.

    It holds only open regions and the edits (8 bytes a corner of what was dropped or filled), unless filling
    or simplification needs all regions at the same time. Then it holds their outlines (about 100 bytes for a
    small region) and, for filling, 16 bytes for each patch of nodata until `finish`.
    """

    def __init__(
        self, grid: Grid, cleaning: Cleaning, labels: Mapping[int, str], reclassify: Reclassify | None = None
    ) -> None:
        """Start above the first row of a grid.

        Args:
            grid: of the map.
            cleaning: minimum areas, filling, simplification.
            labels: name of each class.
            reclassify: changes the class of regions or drops them; features then have a column `REGION`.

        Raises:
            UsageError: the cleaning needs a CRS and the grid has none.
        """
        cleaning.check(grid)
        self._grid = grid
        self._cleaning = cleaning
        self._labels = labels
        self._reclassify = reclassify
        self._table = RegionTable(grid)
        self._tracer = Tracer(grid.width)
        self._held: list[Regions] = []
        self._nodata: list[NDArray[np.float64]] = []
        self._nodata_above = np.zeros(grid.width, np.bool_)
        self.edits = Edits()
        """Changes made by cleaning so far, in pixel coordinates."""
        self._patches: PatchFilter | None = None
        if cleaning.min_patch:
            from geoseg.polygons.patches import PatchFilter  # noqa: PLC0415 - only maps of transitions

            self._patches = PatchFilter(grid, cleaning.min_patch, self.edits)

    def add(self, strip: Strip) -> Features:
        """Add the next strip and return the features of regions that are complete.

        Raises:
            SceneError: a pixel has no area, because it lies outside of the domain of the CRS.
        """
        runs, closed = self._table.add(strip)
        self._tracer.add(strip.row, strip.classes, runs.region_at, runs.renamed_from, runs.renamed_to)
        if self._cleaning.fill_holes:
            self._find_nodata(strip.row, strip.classes)
        closed = self._outlined(closed)
        return self._clean(closed if self._patches is None else self._patches.add(strip, runs, closed))

    def finish(self) -> Features:
        """End below the last row and return the features of all remaining regions."""
        self._tracer.finish()
        closed = self._outlined(self._table.finish())
        features = self._clean(closed if self._patches is None else self._patches.finish(closed))
        if not (self._cleaning.fill_holes or self._cleaning.simplify):
            return features
        regions = join_regions(self._held)
        self._held = []
        if self._cleaning.fill_holes:
            nodata = np.concatenate([np.empty((0, 2)), *self._nodata])
            regions = fill(regions, self._grid, self._cleaning.fill_holes, nodata, self.edits)
        return self._features(regions)

    def _outlined(self, regions: Regions) -> Regions:
        """Return complete regions with their outlines."""
        return replace(regions, outlines=outline(self._tracer.take(regions.ids), regions.ids))

    def _clean(self, regions: Regions) -> Features:
        """Drop regions and return the features of the others; hold them if cleaning needs all regions."""
        regions = drop(regions, self._cleaning, self.edits)
        if self._reclassify is not None and len(regions):
            regions = reclassified(regions, self._reclassify(regions), self.edits)
        if self._cleaning.fill_holes or self._cleaning.simplify:
            self._held.append(regions)
            regions = join_regions([])
        return self._features(regions)

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
