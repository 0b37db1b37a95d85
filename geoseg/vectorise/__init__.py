"""Vectorise: regions to polygons, exact to the pixel edge, as soon as they are complete."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import shapely
from numpy.typing import NDArray

from geoseg.features import Features
from geoseg.grid import Grid
from geoseg.vectorise.clean import Cleaning, Edits, Mapped, drop, fill, simplify, to_features
from geoseg.vectorise.polygons import build, holes_on_background
from geoseg.vectorise.trace import Tracer

__all__ = ["Cleaning", "Edits", "Polygoniser"]

Ints = NDArray[np.int64]


class Polygoniser:
    """Makes features of regions while strips pass by.

    Nothing is held but open outlines, unless filling or simplifying needs all polygons at once; then they
    are held until `finish` (some 500 bytes a polygon and its corners).
    """

    def __init__(self, grid: Grid, cleaning: Cleaning, labels: Mapping[int, str]) -> None:
        """Start above the first row of a grid.

        Args:
            grid: of the map.
            cleaning: what is dropped, filled, smoothed.
            labels: name of each class.
        """
        self._grid = grid
        self._cleaning = cleaning
        self._labels = labels
        self._tracer = Tracer(grid.width)
        self._held: list[Mapped] = []
        self.edits = Edits()
        """What cleaning changed so far, in pixel coordinates."""

    def add_rows(
        self,
        row: int,
        classes: NDArray[np.uint8],
        region_at: Callable[[Ints], Ints],
        renamed_from: Ints,
        renamed_to: Ints,
    ) -> None:
        """Trace the rows of a strip; see `Tracer.add`."""
        self._tracer.add(row, classes, region_at, renamed_from, renamed_to)

    def end_rows(self) -> None:
        """Trace the bottom edges of the last row."""
        self._tracer.finish()

    def close(
        self, ids: Ints, classes: Ints, pixels: Ints, area_cm2: Ints, score_sum: Ints, score_max: Ints
    ) -> Features:
        """Make features of regions that are complete, given their statistics; dropped ones are left out."""
        rings = self._tracer.take(ids)
        polygons = build(rings, ids)
        fillable = np.full(len(ids), None, object)
        if self._cleaning.fill_holes:
            fillable = holes_on_background(polygons, rings, ids)
        mapped = drop(
            Mapped(
                polygons=polygons,
                classes=classes,
                pixels=pixels,
                area_cm2=area_cm2,
                score_sum=score_sum,
                score_max=score_max,
                fillable=fillable,
            ),
            self._cleaning,
            self.edits,
        )
        if self._cleaning.needs_all:
            self._held.append(mapped)
            mapped = mapped.take(np.zeros(len(mapped), np.bool_))
        return to_features(mapped, self._grid, self._labels, self._cleaning.dst_crs)

    def finish(self) -> Features:
        """Features that had to wait for all others."""
        if not self._held:
            none = np.empty(0, np.int64)
            return self.close(none, none, none, none, none, none)
        mapped = Mapped(
            **{
                name: np.concatenate([getattr(part, name) for part in self._held])
                for name in Mapped.__slots__
            }
        )
        self._held = []
        if self._cleaning.fill_holes:
            mapped = fill(mapped, self._grid, self._cleaning.fill_holes, self.edits)
        if self._cleaning.simplify and len(mapped):
            smooth = simplify(mapped.polygons, self._grid, self._cleaning.simplify)
            kept = ~shapely.is_empty(smooth)
            mapped = replace(mapped, polygons=smooth).take(kept)
        return to_features(mapped, self._grid, self._labels, self._cleaning.dst_crs)
