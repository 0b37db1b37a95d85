"""Patches: touching regions of any class, which are kept or dropped as a whole.

A map of many classes (transitions) cuts one place that changed into many regions, each of them small, and few
of them with a high score.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from geoseg.grid import Grid
from geoseg.pixels import Strip, nodata_class
from geoseg.polygons.clean import Cleaning, in_255ths
from geoseg.polygons.edits import Edits
from geoseg.polygons.regions import Regions, RegionTable, Runs, join_regions

_NONE = np.empty(0, np.int64)


class PatchFilter:
    """Drops regions whose patch is small or has no high score.

    A region that is large enough and has a high score itself is kept at once; others are held until their
    patch is complete.
    """

    def __init__(self, grid: Grid, cleaning: Cleaning, edits: Edits) -> None:
        """Start above the first row of a grid.

        Args:
            grid: of the map.
            cleaning: least area and score of a patch.
            edits: receives the dropped regions.
        """
        self._table = RegionTable(grid)
        self._least_cm2 = cleaning.min_patch * 1e4
        self._seed = in_255ths(cleaning.patch_seed)
        self._edits = edits
        # Regions that have a run in the last strip or the row above it, ascending, and their patches.
        self._regions, self._patches_of = _NONE, _NONE
        self._held = join_regions([])
        self._patches = _NONE

    def add(self, strip: Strip, runs: Runs, closed: Regions) -> Regions:
        """Add a strip and return the regions to keep, among those that are complete now or were held.

        The order does not depend on how the map was cut into strips: regions that are kept at once come with
        their last row, those that were held with the last row of their patch.

        Args:
            strip: of the map.
            runs: its runs.
            closed: regions that ended above its last row, with outlines where `falls_short` holds.
        """
        inside = (strip.classes != 0) & (strip.classes != nodata_class(strip.classes.dtype))
        same = Strip(row=strip.row, classes=inside.astype(np.uint8), scores=strip.scores)
        patch_runs, ended = self._table.add(same)
        self._regions, at = np.unique(runs.regions, return_index=True)
        self._patches_of = patch_runs.region_at(runs.starts[at]) if len(at) else _NONE
        if len(patch_runs.renamed_from) and len(self._patches):
            renamed = np.searchsorted(patch_runs.renamed_from, self._patches)
            self._patches = patch_runs.renamed_to[renamed]
        return self._release(closed, ended)

    @property
    def held(self) -> int:
        """Number of regions whose patch is not complete."""
        return len(self._held)

    def finish(self, closed: Regions) -> Regions:
        """End below the last row and return the regions to keep, of those complete now and of those held."""
        return self._release(closed, self._table.finish())

    def _release(self, regions: Regions, ended: Regions) -> Regions:
        """Return the regions to keep; drop held ones whose patch is complete and does not keep them.

        Args:
            regions: complete now.
            ended: patches that are complete.
        """
        doubtful = self.falls_short(regions)
        waiting = join_regions([self._held, regions.take(doubtful)])
        own = self._patches_of[np.searchsorted(self._regions, regions.ids[doubtful])]
        patches = np.concatenate((self._patches, own))

        ended = ended.take(np.argsort(ended.ids))
        at = np.minimum(np.searchsorted(ended.ids, patches), max(len(ended) - 1, 0))
        done = ended.ids[at] == patches if len(ended) else np.zeros(len(patches), np.bool_)
        gone = done.copy()
        gone[done] = self.falls_short(ended)[at[done]]
        stays = done & ~gone
        dropped = waiting.take(gone)
        in_order = np.lexsort((dropped.first, ended.last_row[at[gone]]))
        self._edits.drop(dropped.take(in_order))
        released = replace(waiting.take(stays), last_row=ended.last_row[at[stays]])
        self._held, self._patches = waiting.take(~done), patches[~done]

        stay = join_regions([regions.take(~doubtful), released])
        return stay.take(np.lexsort((stay.first, stay.last_row)))

    def falls_short(self, regions: Regions) -> NDArray[np.bool_]:
        """Return which regions or patches (n,) are too small or have no high score."""
        return np.asarray((regions.area_cm2 < self._least_cm2) | (regions.score_max < self._seed))
