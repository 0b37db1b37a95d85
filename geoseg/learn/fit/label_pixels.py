"""The pixels under labels: a point is one pixel, a polygon a random sample of its pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from geoseg.errors import SceneError
from geoseg.files.text_tables import SUFFIXES
from geoseg.grid import Grid
from geoseg.learn.fit.labels import LabelFile
from geoseg.scenes.resampling import same_crs

MOST_PIXELS = 50
"""Pixels of a polygon that are used, so that a large polygon does not outweigh all others."""

CANDIDATES = 4096
"""Pixels under the bounding box of a polygon that are tested; of larger boxes a random sample."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelPixels:
    """Labelled pixels of one scene."""

    labels: NDArray[np.intp]
    """(n,) index of the label among all labels."""
    rows: NDArray[np.intp]
    cols: NDArray[np.intp]

    def take(self, index: NDArray[np.generic]) -> LabelPixels:
        """Return the pixels that a mask or positions select."""
        return LabelPixels(labels=self.labels[index], rows=self.rows[index], cols=self.cols[index])


def pixels_of(files: Sequence[LabelFile], grid: Grid, name: str, seed: int) -> LabelPixels:
    """Return the pixels of a scene that labels cover; none where they lie outside.

    Args:
        files: the labels.
        grid: of the scene.
        name: of the scene, for messages.
        seed: of the sample of pixels of polygons.

    Raises:
        SceneError: only one of labels and scene has a CRS.
    """
    found: list[tuple[NDArray[np.intp], ...]] = []
    first = 0
    for file in files:
        if (file.crs is None) != (grid.crs is None):
            without, other = (file.path, name) if file.crs is None else (name, file.path)
            table = file.crs is None and file.path.suffix.lower() in SUFFIXES
            remedy = "give columns lon and lat, or a vector file" if table else "assign the missing CRS"
            raise SceneError(f"{without} has no CRS, but {other} has one; {remedy}")
        shapes = _on_grid(file, grid)
        points = shapely.get_type_id(shapes) == shapely.GeometryType.POINT
        found.append(_under_points(shapes, np.flatnonzero(points), first, grid))
        found += [
            _under_polygon(shapes[index], first + index, grid, (seed, first + index))
            for index in np.flatnonzero(~points).tolist()
        ]
        first += len(shapes)
    labels, rows, cols = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return LabelPixels(labels=labels, rows=rows, cols=cols)


def contradicted(
    files: Sequence[LabelFile], grid: Grid, pixels: LabelPixels, classes: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Return which pixels have labels of two classes, (n,).

    Args:
        files: the labels.
        grid: of the scene.
        pixels: of these labels. Of polygons they are a sample, and two polygons of one place may have none in
            common: each pixel is also compared with all polygons that cover its centre.
        classes: of all labels.
    """
    shapes = np.concatenate([_on_grid(file, grid) for file in files])
    polygons = np.flatnonzero(
        (shapely.get_type_id(shapes) != shapely.GeometryType.POINT)
        & np.isfinite(shapely.bounds(shapes)).all(axis=1)
    )
    centres = shapely.points(pixels.cols + 0.5, pixels.rows + 0.5)
    at, found = shapely.STRtree(shapes[polygons]).query(centres, predicate="within")
    place = pixels.rows * grid.width + pixels.cols
    own = np.column_stack([place, classes[pixels.labels]])
    around = np.column_stack([place[at], classes[polygons[found]]])
    named, counts = np.unique(np.unique(np.concatenate([own, around]), axis=0)[:, 0], return_counts=True)
    return np.isin(place, named[counts > 1])


def _on_grid(file: LabelFile, grid: Grid) -> NDArray[np.object_]:
    """Return labels in pixel coordinates (col, row) of a grid; coordinates that are not defined are NaN."""
    back = ~grid.transform
    move = None
    if file.crs is not None and grid.crs is not None and not same_crs(file.crs, grid.crs):
        move = Transformer.from_crs(file.crs, grid.crs, always_xy=True)

    def to_pixels(points: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = points[:, 0], points[:, 1]
        if move is not None:
            x, y = move.transform(x, y)
        placed = np.column_stack([back.a * x + back.b * y + back.c, back.d * x + back.e * y + back.f])
        return np.where(np.isfinite(placed), placed, np.nan)

    return np.asarray(shapely.transform(file.shapes, to_pixels), object)


def _under_points(
    shapes: NDArray[np.object_], points: NDArray[np.intp], first: int, grid: Grid
) -> tuple[NDArray[np.intp], ...]:
    cols, rows = shapely.get_x(shapes[points]), shapely.get_y(shapes[points])
    inside = (rows >= 0) & (cols >= 0) & (rows < grid.height) & (cols < grid.width)  # False for NaN
    return (
        points[inside] + first,
        np.floor(rows[inside]).astype(np.intp),
        np.floor(cols[inside]).astype(np.intp),
    )


def _under_polygon(
    shape: shapely.Geometry, label: int, grid: Grid, seed: tuple[int, int]
) -> tuple[NDArray[np.intp], ...]:
    """Return up to `MOST_PIXELS` pixels whose centres a polygon covers; of a small one, the middle one."""
    bounds = np.array(shapely.bounds(shape))
    empty = np.empty(0, np.intp)
    if not np.isfinite(bounds).all():
        return empty, empty, empty
    low = np.maximum(np.floor(bounds[:2]), 0).astype(np.intp)
    high = np.minimum(np.ceil(bounds[2:]), (grid.width, grid.height)).astype(np.intp)
    if (high <= low).any():
        return empty, empty, empty
    rng = np.random.default_rng(seed)
    width, height = (high - low).tolist()
    if width * height <= CANDIDATES:
        order = rng.permutation(width * height)
    else:
        order = np.unique(rng.integers(0, width * height, CANDIDATES))
        rng.shuffle(order)
    rows, cols = low[1] + order // width, low[0] + order % width
    covered = shapely.contains_xy(shape, cols + 0.5, rows + 0.5)
    rows, cols = rows[covered][:MOST_PIXELS], cols[covered][:MOST_PIXELS]
    if not len(rows):
        middle = shapely.point_on_surface(shape)
        rows, cols = (np.array([int(np.floor(value))]) for value in (middle.y, middle.x))
        inside = (rows >= 0) & (cols >= 0) & (rows < grid.height) & (cols < grid.width)
        rows, cols = rows[inside], cols[inside]
    return np.full(len(rows), label, np.intp), rows.astype(np.intp), cols.astype(np.intp)
