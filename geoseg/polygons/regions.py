"""Connected regions of equal class across strips, with their statistics.

Works on runs: maximal stretches of equal class in one row. Runs of neighbouring rows that overlap and have
the same class belong together (4-connectivity). Only regions that touch the last row stay open. Statistics
are sums of integers over runs, and runs lie within one row, so no statistic depends on the strips.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import SceneError
from geoseg.grid import Grid
from geoseg.pixels import Strip, nodata_class
from geoseg.polygons.graphs import groups as connected_groups
from geoseg.polygons.outlines import Outlines, join

Ints = NDArray[np.int64]

SQUARE_CM = 1e4
"""Square centimetres in a square metre: areas are summed in whole cm²."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Runs of one strip and of the row above it, in reading order, with the region each belongs to."""

    starts: Ints
    """Position (row - strip.row) * width + first column; the row above has row -1."""
    regions: Ints
    """Region of each run, valid until the next strip."""
    renamed_from: Ints
    """Regions of earlier strips, ascending."""
    renamed_to: Ints
    """New id of each region of `renamed_from`: merged regions share the least id."""

    def region_at(self, positions: Ints) -> Ints:
        """Return the region of the pixels at positions, each of which lies in a run."""
        return self.regions[np.searchsorted(self.starts, positions, side="right") - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Regions:
    """Regions with their statistics, one entry each; in order of last row, then of first pixel."""

    ids: Ints
    """Identifiers, unique within a map."""
    classes: Ints
    pixels: Ints
    area_cm2: Ints
    """Geodesic; 0 without a CRS."""
    score_sum: Ints
    """255ths, over the scored pixels."""
    scored: Ints
    """Pixels with a score; fewer than `pixels` if holes were filled."""
    score_max: Ints
    """255ths."""
    first: Ints
    """row * width + column of the first pixel in reading order."""
    last_row: Ints
    outlines: Outlines
    """Without rings while regions are still open."""
    histogram: Ints | None = None
    """(regions, BINS) scored pixels by score; None: not counted."""

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, index: NDArray[np.generic]) -> Regions:
        """Return the regions that a mask or positions select."""
        at = np.flatnonzero(index) if index.dtype == np.bool_ else index.astype(np.int64, copy=False)
        counted = None if self.histogram is None else self.histogram[at]
        names = [name for name in self.__slots__ if name != "histogram"]
        return Regions(**{name: getattr(self, name).take(at) for name in names}, histogram=counted)


def join_regions(parts: Sequence[Regions]) -> Regions:
    """Return all regions of several batches, in their order."""
    statistics = [name for name in Regions.__slots__ if name not in {"outlines", "histogram"}]
    counted = [part.histogram for part in parts if part.histogram is not None]
    return Regions(
        outlines=join([part.outlines for part in parts]),
        histogram=np.concatenate(counted) if counted else None,
        **{name: np.concatenate([_NONE, *(getattr(part, name) for part in parts)]) for name in statistics},
    )


_NONE = np.empty(0, np.int64)

BINS = 32
"""Bins of the histogram of scores, of 8/255 each."""


class RegionTable:
    """Collects the regions of a map from strip to strip."""

    def __init__(self, grid: Grid, *, histograms: bool = False) -> None:
        """Start above the first row of a grid.

        Args:
            grid: of the map.
            histograms: whether scores of regions are counted.
        """
        self._grid = grid
        self._next_id = 0
        self._open = join_regions([])
        self._histograms = histograms
        if histograms:
            self._open = replace(self._open, histogram=np.empty((0, BINS), np.int64))
        self._row_starts = _NONE
        self._row_stops = _NONE
        self._row_classes = _NONE
        self._row_regions = _NONE

    def add(self, strip: Strip) -> tuple[Runs, Regions]:
        """Add a strip; return its runs, and the regions that ended above its last row.

        Raises:
            SceneError: a pixel has no area, because it lies outside the domain of the CRS.
        """
        width = self._grid.width
        starts, stops, classes, sums, tops = _runs(strip)
        above = len(self._row_starts)
        all_starts = np.concatenate((self._row_starts - width, starts))
        all_stops = np.concatenate((self._row_stops - width, stops))
        all_classes = np.concatenate((self._row_classes, classes))
        lower, upper = _touching(all_starts, all_stops, all_classes, width)

        # Nodes of the graph: the open regions first, then the new runs.
        opened = len(self._open)
        slots = np.searchsorted(self._open.ids, self._row_regions)
        node_of = np.concatenate((slots, opened + np.arange(len(starts))))
        count = opened + len(starts)
        groups, group_of = connected_groups(count, node_of[upper], node_of[lower])
        merged, group_ids = self._merge(strip.row, starts, stops, classes, sums, tops, groups, group_of)
        if self._histograms:
            counts = _counts(strip, starts, stops, group_of[opened:], groups)
            if self._open.histogram is not None:
                np.add.at(counts, group_of[:opened], self._open.histogram)
            merged = replace(merged, histogram=counts)

        regions_of_nodes = group_ids[group_of]
        runs = Runs(
            starts=all_starts,
            regions=regions_of_nodes[node_of],
            renamed_from=self._open.ids,
            renamed_to=regions_of_nodes[:opened],
        )
        last = starts >= (len(strip.classes) - 1) * width
        origin = (len(strip.classes) - 1) * width
        self._row_starts = starts[last] - origin
        self._row_stops = stops[last] - origin
        self._row_classes = classes[last]
        self._row_regions = runs.regions[above:][last]
        is_open = merged.last_row == strip.stop_row - 1
        still = merged.take(is_open)
        self._open = still.take(np.argsort(still.ids))
        return runs, _in_order(merged.take(~is_open))

    def finish(self) -> Regions:
        """End below the last row and return the regions that were still open."""
        return _in_order(self._open)

    def _merge(
        self,
        row: int,
        starts: Ints,
        stops: Ints,
        classes: Ints,
        sums: Ints,
        tops: Ints,
        groups: int,
        group_of: NDArray[np.integer[Any]],
    ) -> tuple[Regions, Ints]:
        """Sum open regions and new runs by group; also return the region id of each group."""
        width = self._grid.width
        rows = row + starts // width
        order = np.argsort(group_of, kind="stable")
        offsets = np.searchsorted(group_of[order], np.arange(groups))

        def total(old: Ints, new: Ints, how: np.ufunc) -> Ints:
            values = np.concatenate((old, new))[order]
            return how.reduceat(values, offsets) if groups else _NONE

        unnamed = np.iinfo(np.int64).max
        ids = total(self._open.ids, np.full(len(starts), unnamed), np.minimum)
        fresh = ids == unnamed
        ids[fresh] = self._next_id + np.arange(int(fresh.sum()))
        self._next_id += int(fresh.sum())
        lengths = stops - starts
        pixels = total(self._open.pixels, lengths, np.add)
        # Regions that are still open have no rings.
        none, no_rings = np.empty(0, np.int32), np.zeros(len(ids) + 1, np.int64)
        merged = Regions(
            ids=ids,
            classes=total(self._open.classes, classes, np.maximum),
            pixels=pixels,
            area_cm2=total(self._open.area_cm2, self._areas(rows, starts % width, lengths), np.add),
            score_sum=total(self._open.score_sum, sums, np.add),
            scored=pixels,
            score_max=total(self._open.score_max, tops, np.maximum),
            first=total(self._open.first, row * width + starts, np.minimum),
            last_row=total(self._open.last_row, rows, np.maximum),
            outlines=Outlines(cols=none, rows=none, rings=no_rings[:1], regions=no_rings),
        )
        return merged, ids

    def _areas(self, rows: Ints, cols: Ints, lengths: Ints) -> Ints:
        """Return geodesic areas of runs in whole cm².

        Raises:
            SceneError: a pixel lies outside the domain of the CRS.
        """
        if self._grid.crs is None:
            return np.zeros(len(rows), np.int64)
        pixel = self._grid.pixel_areas(np.add(rows, 0.5), np.add(cols, lengths / 2))
        lost = np.flatnonzero(~np.isfinite(pixel))
        if len(lost):
            raise SceneError(
                f"the pixel at row {rows[lost[0]]}, column {cols[lost[0]]} lies outside the domain of the "
                "CRS: check CRS and geotransform of the raster, or crop the map (`--bbox`, `--aoi`)"
            )
        return np.rint(pixel * lengths * SQUARE_CM).astype(np.int64)


def _runs(strip: Strip) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """Return starts, stops, classes, score sums and highest scores of runs; 0 and nodata have no runs."""
    classes = np.ascontiguousarray(strip.classes)
    begins = np.empty(classes.shape, np.bool_)
    begins[:, 0] = True
    np.not_equal(classes[:, 1:], classes[:, :-1], out=begins[:, 1:])
    starts = np.flatnonzero(begins)
    stops = np.append(starts[1:], classes.size)
    found = classes.ravel()[starts]
    keep = (found != 0) & (found != nodata_class(classes.dtype))
    if not keep.any():
        return _NONE, _NONE, _NONE, _NONE, _NONE
    lengths = stops - starts
    # Only pixels of regions are summed: most of a map is background.
    scores = np.ascontiguousarray(strip.scores).ravel()[np.repeat(keep, lengths)]
    starts, stops, lengths = starts[keep], stops[keep], lengths[keep]
    offsets = np.cumsum(lengths) - lengths
    sums = np.add.reduceat(scores, offsets, dtype=np.int64)
    tops = np.maximum.reduceat(scores, offsets).astype(np.int64)
    return starts, stops, found[keep].astype(np.int64), sums, tops


def _counts(
    strip: Strip, starts: Ints, stops: Ints, groups_of: NDArray[np.integer[Any]], groups: int
) -> Ints:
    """Return how many pixels of each group have a score in each bin."""
    lengths = stops - starts
    at = np.repeat(starts - (np.cumsum(lengths) - lengths), lengths) + np.arange(int(lengths.sum()))
    bins = np.ascontiguousarray(strip.scores).ravel()[at] // (256 // BINS)
    counted = np.bincount(
        np.repeat(groups_of.astype(np.int64), lengths) * BINS + bins, minlength=groups * BINS
    )
    return counted.astype(np.int64, copy=False).reshape(groups, BINS)


def score_quantile(histogram: Ints, share: float) -> NDArray[np.float64]:
    """Return the score (0..1) that a share of the scored pixels of each region has or is below, to 1/32.

    Args:
        histogram: (regions, BINS) counts.
        share: 0..1.
    """
    cumulated = np.cumsum(histogram, axis=1)
    wanted = share * cumulated[:, -1]
    bins = np.minimum((cumulated < wanted[:, None]).sum(axis=1), BINS - 1)
    rows = np.arange(len(histogram))
    inside = histogram[rows, bins]
    below = cumulated[rows, bins] - inside
    part = np.where(inside > 0, (wanted - below) / np.maximum(inside, 1), 0.5)
    # Of pixels with one score, the bin holds 8 scores: its middle is at most 4/255 off.
    score = (bins + np.clip(part, 0, 1)) * (256 / BINS) / 255
    return np.asarray(np.clip(score, 0, 1), np.float64)


def _touching(starts: Ints, stops: Ints, classes: Ints, width: int) -> tuple[Ints, Ints]:
    """Return pairs (lower, upper) of runs of one class that touch in neighbouring rows."""
    low = np.searchsorted(stops, starts + width, side="right")
    high = np.searchsorted(starts, stops + width, side="left")
    counts = np.maximum(high - low, 0)
    upper = np.repeat(np.arange(len(starts)), counts)
    ends = np.cumsum(counts)
    lower = np.arange(len(upper)) - np.repeat(ends - counts, counts) + np.repeat(low, counts)
    same = classes[upper] == classes[lower]
    return lower[same], upper[same]


def _in_order(regions: Regions) -> Regions:
    """Sort by last row, then by first pixel, so that the order does not depend on the strips."""
    return regions.take(np.lexsort((regions.first, regions.last_row)))
