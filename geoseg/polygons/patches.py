"""Patches: regions of whatever classes that touch. Small regions stay where their patch is large.

A map of many classes (transitions) cuts one place that changed into many regions, each of them small.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geoseg.grid import Grid
from geoseg.pixels import Strip, nodata_class
from geoseg.polygons.clean import Edits
from geoseg.polygons.regions import Regions, RegionTable, Runs, join_regions

Ints = NDArray[np.int64]

_NONE = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchNews:
    """What a strip tells of patches."""

    of_regions: Ints
    """Patch of each region that ended."""
    renamed_from: Ints
    """Patches of earlier strips, ascending …"""
    renamed_to: Ints
    """… and what each is called now."""
    ended: Regions
    """Patches that ended."""


class PatchTable:
    """Follows patches from strip to strip, beside the table of the regions that they are made of."""

    def __init__(self, grid: Grid) -> None:
        """Start above the first row of a grid."""
        self._table = RegionTable(grid)
        self._regions, self._patches = _NONE, _NONE

    def add(self, strip: Strip, runs: Runs, ended: Regions) -> PatchNews:
        """Take in a strip.

        Args:
            strip: of the map.
            runs: its runs.
            ended: regions that ended above its last row.
        """
        inside = (strip.classes != 0) & (strip.classes != nodata_class(strip.classes.dtype))
        same = Strip(row=strip.row, classes=inside.astype(np.uint8), scores=np.zeros_like(strip.scores))
        patch_runs, patches = self._table.add(same)
        self._regions, at = np.unique(runs.regions, return_index=True)
        self._patches = patch_runs.region_at(runs.starts[at]) if len(at) else _NONE
        return PatchNews(
            of_regions=self._patch_of(ended.ids),
            renamed_from=patch_runs.renamed_from,
            renamed_to=patch_runs.renamed_to,
            ended=patches,
        )

    def finish(self, ended: Regions) -> PatchNews:
        """End below the last row: the patches that were still open."""
        return PatchNews(
            of_regions=self._patch_of(ended.ids),
            renamed_from=_NONE,
            renamed_to=_NONE,
            ended=self._table.finish(),
        )

    def _patch_of(self, regions: Ints) -> Ints:
        """Patch of regions that had a run in the last strip, or in the row above it."""
        return self._patches[np.searchsorted(self._regions, regions)]


class Waiting:
    """Small regions that wait until their patch has ended."""

    def __init__(self, least: float, edits: Edits) -> None:
        """Begin with none.

        Args:
            least: m²; regions of smaller patches are dropped.
            edits: hears of them.
        """
        self._least_cm2 = least * 1e4
        self._edits = edits
        self._small = join_regions([])
        self._patches = _NONE

    def passed(self, regions: Regions, news: PatchNews) -> Regions:
        """Return the regions that stay, of those that ended now and of those that waited.

        Their order does not depend on how the map was cut into strips: large ones come with their last row,
        small ones with that of their patch.

        Args:
            regions: that ended now.
            news: of their patches.
        """
        small = regions.area_cm2 < self._least_cm2
        patches = self._patches
        if len(news.renamed_from) and len(patches):
            patches = news.renamed_to[np.searchsorted(news.renamed_from, patches)]
        waiting = join_regions([self._small, regions.take(small)])
        patches = np.concatenate((patches, news.of_regions[small]))

        ended = news.ended.take(np.argsort(news.ended.ids))
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
