"""Facilities from the scores of windows: local maxima as points and as footprints."""

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
"""Names of layers."""

REACH = 2
"""Distance in cells (half windows) within which a window suppresses others of its class: one window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peaks:
    """Windows with a facility, by descending score."""

    row: NDArray[np.intp]
    """Row of the cell."""
    col: NDArray[np.intp]
    kind: NDArray[np.intp]
    """Index of the class."""
    score: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.row)


def find_peaks(scores: NDArray[np.float32], threshold: float) -> Peaks:
    """Return the local maxima of each class by greedy non-maximum suppression.

    The best remaining window removes those of its class whose centres lie within the side of a window. A
    place may have facilities of several classes. Equal scores are ordered by row, then by column.

    Args:
        scores: (K, rows, cols); windows with NaN are no facilities.
        threshold: smallest score of a facility.
    """
    peaks: list[tuple[float, int, int, int]] = []
    for kind, plane in enumerate(scores):
        rows, cols = np.nonzero(plane >= np.float32(threshold))
        order = np.lexsort((cols, rows, -plane[rows, cols]))
        suppressed = np.zeros(plane.shape, np.bool_)
        for row, col in zip(rows[order].tolist(), cols[order].tolist(), strict=True):
            if not suppressed[row, col]:
                peaks.append((float(plane[row, col]), kind, row, col))
                # Cells whose centres lie within `REACH` of this one are no peaks.
                top, left = max(0, row - REACH), max(0, col - REACH)
                part = suppressed[top : row + REACH + 1, left : col + REACH + 1]
                down, right = np.ogrid[: part.shape[0], : part.shape[1]]
                part |= (down + top - row) ** 2 + (right + left - col) ** 2 <= REACH**2
    peaks.sort(key=lambda item: (-item[0], item[2], item[3], item[1]))
    table = np.array([(row, col, kind) for _, kind, row, col in peaks], np.intp).reshape(-1, 3)
    return Peaks(
        row=table[:, 0],
        col=table[:, 1],
        kind=table[:, 2],
        score=np.array([score for score, *_ in peaks], np.float32),
    )


def score_columns(classes: Sequence[ClassSpec]) -> tuple[str, ...]:
    """Return the names of the columns of scores, by class."""
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
    """Return facilities as points at the centres of windows and as polygons of windows, with equal columns.

    Args:
        peaks: windows with a facility.
        scores: (K, rows, cols).
        cells: grid of the windows.
        classes: in the order of `scores`.
        dst_crs: CRS of the geometries; None: that of the scene.
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
    points = shapely.points(*_coordinates(cells, peaks.row + 0.5, peaks.col + 0.5))
    # The side of a window is two cells. Counter-clockwise for a grid that is not mirrored.
    corners = [
        _coordinates(cells, peaks.row + 0.5 + down, peaks.col + 0.5 + right) for down, right in _CORNERS
    ]
    rings = np.stack([np.stack(corner, axis=-1) for corner in corners], axis=1).reshape(-1, 5, 2)
    squares = shapely.orient_polygons(shapely.polygons(rings)) if len(peaks) else np.empty(0, object)
    return (
        Features(geometry=_transformed(np.asarray(points, object), cells, dst_crs), columns=columns),
        Features(geometry=_transformed(np.asarray(squares, object), cells, dst_crs), columns=columns),
    )


_CORNERS = ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))


def _coordinates(cells: Grid, rows: NDArray[Any], cols: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the coordinates of positions in cells."""
    a, b, c, d, e, f = cells.transform[:6]
    return a * cols + b * rows + c, d * cols + e * rows + f


def _transformed(geometry: NDArray[np.object_], cells: Grid, dst_crs: CRS | None) -> NDArray[np.object_]:
    """Return geometries transformed to another CRS."""
    if dst_crs is None or not len(geometry):
        return geometry
    transformer = Transformer.from_crs(cells.crs, dst_crs, always_xy=True)
    moved = shapely.transform(geometry, transformer.transform, interleaved=False)
    return np.asarray(moved, object)


def window_areas(peaks: Peaks, cells: Grid) -> NDArray[np.float64]:
    """Return the geodesic area of each footprint in m²."""
    rows, cols = peaks.row + 0.5, peaks.col + 0.5
    return 4 * cells.pixel_areas(rows.astype(np.float64), cols.astype(np.float64))
