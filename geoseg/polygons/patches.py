"""Patches: touching regions of any class. Small regions are kept if their patch is large.

A map of many classes (transitions) cuts one place that changed into many regions, each of them small.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from geoseg.grid import Grid
from geoseg.pixels import Strip, nodata_class
from geoseg.polygons.edits import Edits
from geoseg.polygons.regions import Regions, RegionTable, Runs, join_regions

Ints = NDArray[np.int64]

_NONE = np.empty(0, np.int64)


class PatchFilter:
    """Drops small regions whose patch is small; holds small regions until their patch is complete."""

    def __init__(self, grid: Grid, least: float, edits: Edits) -> None:
        """Start above the first row of a grid.

        Args:
            grid: of the map.
            least: m²; regions of smaller patches are dropped.
            edits: receives the dropped regions.
        """
        self._table = RegionTable(grid)
        self._least_cm2 = least * 1e4
        self._edits = edits
        # Regions that have a run in the last strip or the row above it, ascending, and their patches.
        self._regions, self._patches_of = _NONE, _NONE
        self._small = join_regions([])
        self._patches = _NONE

    def add(self, strip: Strip, runs: Runs, closed: Regions) -> Regions:
        """Add a strip and return the regions to keep, of those complete now and of those held.

        The order does not depend on how the map was cut into strips: large regions come with their last row,
        small ones with the last row of their patch.

        Args:
            strip: of the map.
            runs: its runs.
            closed: regions that ended above its last row; those below the least area with outlines.
        """
        inside = (strip.classes != 0) & (strip.classes != nodata_class(strip.classes.dtype))
        same = Strip(row=strip.row, classes=inside.astype(np.uint8), scores=np.zeros_like(strip.scores))
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
        return len(self._small)

    def finish(self, closed: Regions) -> Regions:
        """End below the last row and return the regions to keep, of those complete now and of those held."""
        return self._release(closed, self._table.finish())

    def _release(self, regions: Regions, ended: Regions) -> Regions:
        """Return large regions and held regions of large patches; drop those of small patches.

        Args:
            regions: complete now.
            ended: patches that are complete.
        """
        small = regions.area_cm2 < self._least_cm2
        waiting = join_regions([self._small, regions.take(small)])
        own = self._patches_of[np.searchsorted(self._regions, regions.ids[small])]
        patches = np.concatenate((self._patches, own))

        ended = ended.take(np.argsort(ended.ids))
        at = np.minimum(np.searchsorted(ended.ids, patches), max(len(ended) - 1, 0))
        done = ended.ids[at] == patches if len(ended) else np.zeros(len(patches), np.bool_)
        gone = done.copy()
        gone[done] = ended.area_cm2[at[done]] < self._least_cm2
        stays = done & ~gone
        dropped = waiting.take(gone)
        in_order = np.lexsort((dropped.first, ended.last_row[at[gone]]))
        self._edits.add(dropped.outlines.take(in_order), np.zeros(len(dropped), np.int64))
        released = replace(waiting.take(stays), last_row=ended.last_row[at[stays]])
        self._small, self._patches = waiting.take(~done), patches[~done]

        stay = join_regions([regions.take(~small), released])
        return stay.take(np.lexsort((stay.first, stay.last_row)))
