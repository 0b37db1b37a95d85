"""Vectorise: regions to polygons, exact to the pixel edge, as soon as they are complete."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from geoseg.features import Features
from geoseg.grid import Grid
from geoseg.pixels import Classes, nodata_class
from geoseg.polygons.clean import (
    Cleaning,
    Edits,
    Judge,
    drop,
    fill,
    judged,
    place,
    to_features,
)
from geoseg.polygons.outlines import outline
from geoseg.polygons.patches import PatchNews, Waiting
from geoseg.polygons.regions import Regions, join_regions
from geoseg.polygons.trace import Tracer

Ints = NDArray[np.int64]


class Polygoniser:
    """Makes features of regions while strips pass by.

    Nothing is held but open outlines and the edits (8 bytes a corner of what was dropped or filled), unless
    filling or simplifying needs all regions at once; then their outlines (some 100 bytes a small region)
    and, for filling, 16 bytes for each patch of nodata are held until `finish`.
    """

    def __init__(
        self, grid: Grid, cleaning: Cleaning, labels: Mapping[int, str], judge: Judge | None = None
    ) -> None:
        """Start above the first row of a grid.

        Args:
            grid: of the map.
            cleaning: what is dropped, filled, smoothed.
            labels: name of each class.
            judge: gives regions other classes or drops them; features then have a column `REGION`.

        Raises:
            UsageError: the cleaning needs a CRS and the grid has none.
        """
        cleaning.check(grid)
        self._grid = grid
        self._cleaning = cleaning
        self._labels = labels
        self._judge = judge
        self._tracer = Tracer(grid.width)
        self._held: list[Regions] = []
        self._unseen: list[NDArray[np.float64]] = []
        self._unseen_above = np.zeros(grid.width, np.bool_)
        self.edits = Edits()
        """What cleaning changed so far, in pixel coordinates."""
        self._waiting = Waiting(cleaning.min_patch, self.edits)

    def add_rows(
        self,
        row: int,
        classes: Classes,
        region_at: Callable[[Ints], Ints],
        renamed_from: Ints,
        renamed_to: Ints,
    ) -> None:
        """Trace the rows of a strip; see `Tracer.add`."""
        self._tracer.add(row, classes, region_at, renamed_from, renamed_to)
        if self._cleaning.fill_holes:
            self._mark_unseen(row, classes)

    def end_rows(self) -> None:
        """Trace the bottom edges of the last row."""
        self._tracer.finish()

    def close(self, regions: Regions, patches: PatchNews | None = None) -> Features:
        """Make features of regions that are complete; dropped ones are left out.

        Args:
            regions: with their statistics.
            patches: what the strip tells of patches, where a least patch was asked for.
        """
        regions = replace(regions, outlines=outline(self._tracer.take(regions.ids), regions.ids))
        if patches is not None:
            regions = self._waiting.passed(regions, patches)
        regions = drop(regions, self._cleaning, self.edits)
        if self._judge is not None:
            regions = judged(regions, self._judge, self.edits)
        if self._cleaning.needs_all:
            self._held.append(regions)
            regions = join_regions([])
        return self._features(regions)

    def finish(self) -> Features:
        """Make the features that had to wait for all others."""
        regions = join_regions(self._held)
        self._held = []
        if self._cleaning.fill_holes:
            unseen = np.concatenate([np.empty((0, 2)), *self._unseen])
            regions = fill(regions, self._grid, self._cleaning.fill_holes, unseen, self.edits)
        return self._features(regions)

    def _features(self, regions: Regions) -> Features:
        """Make features of cleaned regions."""
        shapes = place(regions, self._grid, self._cleaning)
        return to_features(regions, shapes, self._grid, self._labels, named=self._judge is not None)

    def _mark_unseen(self, row: int, classes: Classes) -> None:
        """Remember where patches of nodata begin: pixels with none above and none to the left."""
        unseen = nodata_class(classes.dtype)
        begins = classes == unseen
        last = begins[-1].copy()
        begins[1:] &= classes[:-1] != unseen
        begins[0] &= ~self._unseen_above
        begins[:, 1:] &= classes[:, :-1] != unseen
        self._unseen_above = last
        rows, cols = np.nonzero(begins)
        if len(rows):
            self._unseen.append(np.stack((cols + 0.5, rows + row + 0.5), axis=1))
