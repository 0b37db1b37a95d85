"""Scores of windows to facilities: the best window of each place, as a point and as a footprint."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from geoseg.features import Column, Features
from geoseg.grid import Grid
from geoseg.outputs import Kind, Layer
from geoseg.spec import ClassSpec

POINTS, FOOTPRINTS = "facilities", "footprints"
"""Layers."""

REACH = 2
"""Cells (half windows) within which one window suppresses others of its class: a whole window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peaks:
    """Windows that stand for a facility, the best first."""

    row: NDArray[np.intp]
    """Of the cell."""
    col: NDArray[np.intp]
    kind: NDArray[np.intp]
    """Position of the class."""
    score: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.row)


def find_peaks(scores: NDArray[np.float32], threshold: float) -> Peaks:
    """Suppress what is not the best of its place, each class by itself.

    Greedy: the best window left is kept and removes those of its class whose centres lie within a window's
    side. A place may be kept in several classes, for several may hold. Equal scores go by row, then column.

    Args:
        scores: (K, rows, cols); NaN is never kept.
        threshold: least score.
    """
    found: list[tuple[float, int, int, int]] = []
    for kind, plane in enumerate(scores):
        rows, cols = np.nonzero(plane >= np.float32(threshold))
        order = np.lexsort((cols, rows, -plane[rows, cols]))
        taken = np.zeros(plane.shape, np.bool_)
        for row, col in zip(rows[order].tolist(), cols[order].tolist(), strict=True):
            if not taken[row, col]:
                found.append((float(plane[row, col]), kind, row, col))
                _take(taken, row, col)
    found.sort(key=lambda item: (-item[0], item[2], item[3], item[1]))
    table = np.array([(row, col, kind) for _, kind, row, col in found], np.intp).reshape(-1, 3)
    return Peaks(
        row=table[:, 0],
        col=table[:, 1],
        kind=table[:, 2],
        score=np.array([score for score, *_ in found], np.float32),
    )


def _take(taken: NDArray[np.bool_], row: int, col: int) -> None:
    """Mark the cells whose centres lie within `REACH` of one."""
    top, left = max(0, row - REACH), max(0, col - REACH)
    part = taken[top : row + REACH + 1, left : col + REACH + 1]
    down, right = np.ogrid[: part.shape[0], : part.shape[1]]
    part |= (down + top - row) ** 2 + (right + left - col) ** 2 <= REACH**2


def score_columns(classes: Sequence[ClassSpec]) -> tuple[str, ...]:
    """Name the column of each class's score."""
    return tuple(f"score_{re.sub(r'[^0-9a-z]+', '_', item.label.lower()).strip('_')}" for item in classes)


def layers_of(classes: Sequence[ClassSpec], crs: CRS | None) -> tuple[Layer, Layer]:
    """Return the layers of points and of footprints."""
    schema: dict[str, Kind] = {"class": "int", "label": "text", "score": "float"}
    schema |= dict.fromkeys(score_columns(classes), "float")
    points = Layer(name=POINTS, schema=schema, classes=tuple(classes), crs=crs, shape="point")
    return points, Layer(name=FOOTPRINTS, schema=schema, classes=tuple(classes), crs=crs)


def features_of(
    peaks: Peaks,
    scores: NDArray[np.float32],
    cells: Grid,
    classes: Sequence[ClassSpec],
    dst_crs: CRS | None = None,
) -> tuple[Features, Features]:
    """Return points at the centres of windows, and the windows as polygons, with the same columns.

    Args:
        peaks: of the facilities.
        scores: (K, rows, cols).
        cells: grid of the windows.
        classes: in the order of `scores`.
        dst_crs: of the geometries; None: the scene's.
    """
    values = np.array([item.value for item in classes], np.int64)
    labels = np.array([item.label for item in classes], object)
    columns: dict[str, Column] = {
        "class": values[peaks.kind],
        "label": labels[peaks.kind],
        "score": peaks.score.astype(np.float64),
    }
    for name, plane in zip(score_columns(classes), scores, strict=True):
        columns[name] = plane[peaks.row, peaks.col].astype(np.float64)
    points = shapely.points(*_ground(cells, peaks.row + 0.5, peaks.col + 0.5))
    # A window is two cells a side; counter-clockwise where rows run down and columns right.
    corners = [_ground(cells, peaks.row + 0.5 + down, peaks.col + 0.5 + right) for down, right in _CORNERS]
    rings = np.stack([np.stack(corner, axis=-1) for corner in corners], axis=1).reshape(-1, 5, 2)
    squares = shapely.orient_polygons(shapely.polygons(rings)) if len(peaks) else np.empty(0, object)
    return (
        Features(geometry=_moved(np.asarray(points, object), cells, dst_crs), columns=columns),
        Features(geometry=_moved(np.asarray(squares, object), cells, dst_crs), columns=columns),
    )


_CORNERS = ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))


def _ground(cells: Grid, rows: NDArray[Any], cols: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Coordinates of positions in cells."""
    a, b, c, d, e, f = cells.transform[:6]
    return a * cols + b * rows + c, d * cols + e * rows + f


def _moved(geometry: NDArray[np.object_], cells: Grid, dst_crs: CRS | None) -> NDArray[np.object_]:
    """Geometries in another CRS."""
    if dst_crs is None or not len(geometry):
        return geometry
    transformer = Transformer.from_crs(cells.crs, dst_crs, always_xy=True)
    moved = shapely.transform(geometry, transformer.transform, interleaved=False)
    return np.asarray(moved, object)


def window_areas(peaks: Peaks, cells: Grid) -> NDArray[np.float64]:
    """Return the geodesic area of each footprint in m²."""
    rows, cols = peaks.row + 0.5, peaks.col + 0.5
    return 4 * cells.pixel_areas(rows.astype(np.float64), cols.astype(np.float64))
