"""Polygons of a vector file, rasterised on a grid block by block."""

from __future__ import annotations

import glob
import html
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from rasterio.features import rasterize

from geoseg.errors import SceneError
from geoseg.files.doors import opening
from geoseg.files.inputs import opened
from geoseg.grid import Grid, Window
from geoseg.scenes.resampling import same_crs
from geoseg.scenes.vector_files import layer_of, reading_vector

BLOCK = 512
"""Pixels a side of the blocks that are rasterised at once, aligned to the first pixel of the grid."""


SHAPEFILE = frozenset({".shp", ".dbf", ".shx", ".prj", ".cpg", ".qix", ".sbn", ".sbx"})
"""Suffixes of the files of a shapefile: ESRI Shapefile Technical Description, 1998, and GDAL's driver."""

_VRT_SOURCE = re.compile(r"<SrcDataSource(?:\s+relativeToVRT=\"(\d)\")?[^>]*>([^<]+)<")

_REMEDY = "give a vector file: GeoPackage, FlatGeobuf, GeoJSON, shapefile or the like"

Excluded = Mapping[str, Sequence[str | int]]
"""By column, the values of features that are left out; text is compared case-insensitively."""


def columns_of(path: Path | str) -> tuple[str, ...]:
    """Return the names of the columns of the layer of a vector file whose polygons are read.

    Raises:
        SceneReadError: the file is missing or not a vector file.
    """
    opened_vector(path)
    import pyogrio.raw  # noqa: PLC0415 - vector files only

    with opening(path, _REMEDY), reading_vector(path) as file:
        return tuple(
            str(name) for name in pyogrio.read_info(file, layer=layer_of(path, file, polygons=True))["fields"]
        )


def left_out(path: Path | str, excluded: Excluded) -> dict[str, int]:
    """Return the number of features of each value that are left out, by `column value`.

    Raises:
        SceneReadError: the file is missing or not a vector file.
    """
    if not excluded:
        return {}
    import pyogrio.raw  # noqa: PLC0415 - vector files only

    with opening(path, _REMEDY), reading_vector(path) as file:
        layer = layer_of(path, file, polygons=True)
        meta, _, _, values = pyogrio.raw.read(file, layer=layer, columns=list(excluded), read_geometry=False)
    counts: dict[str, int] = {}
    for column, column_values in zip(meta["fields"], values, strict=True):
        for text in _texts(column_values)[_among(column_values, excluded[str(column)])]:
            counts[f"{column} {text}"] = counts.get(f"{column} {text}", 0) + 1
    return counts


def read_polygons(
    path: Path | str, excluded: Excluded | None = None
) -> tuple[NDArray[np.object_], CRS | None]:
    """Read the polygons of the first layer that has any, of a vector file, with their CRS.

    Args:
        path: the file.
        excluded: features that are left out; None: none.

    Raises:
        SceneReadError: the file is missing or not a vector file.
        SceneError: it holds no polygons, or all are left out.
    """
    excluded = excluded or {}
    opened_vector(path)
    import pyogrio.raw  # noqa: PLC0415 - vector files only

    with opening(path, _REMEDY), reading_vector(path) as file:
        layer = layer_of(path, file, polygons=True)
        meta, _, wkb, values = pyogrio.raw.read(file, layer=layer, columns=list(excluded), force_2d=True)
        features = shapely.from_wkb(wkb if wkb is not None else [])
        included = np.ones(len(features), np.bool_)
        for column, column_values in zip(meta["fields"], values, strict=True):
            included &= ~_among(column_values, excluded[str(column)])
        shapes = shapely.get_parts(features[included])
        shapes = shapely.get_parts(shapely.make_valid(shapes))
        shapes = shapes[np.isin(shapely.get_type_id(shapes), (3, 6)) & ~shapely.is_empty(shapes)]
        if not len(shapes):
            why = (
                ""
                if included.all()
                else f" besides {int((~included).sum())} that are left out by {', '.join(excluded)}"
            )
            raise SceneError(f"{path} holds no polygons{why}; give a layer of polygons")
        crs = meta["crs"]
        try:
            return shapes, CRS.from_user_input(crs) if crs else None
        except CRSError as error:
            raise SceneError(
                f"{path}: its CRS {crs!r} is not known: {error}; assign one with ogr2ogr"
            ) from error


def _among(values: NDArray[Any], wanted: Sequence[str | int]) -> NDArray[np.bool_]:
    """Return which values of a column are in a list."""
    return np.isin(_texts(values), [str(item).lower() for item in wanted])


def _texts(values: NDArray[Any]) -> NDArray[np.str_]:
    """Return values as text in lower case, integers without a decimal point."""
    texts = [
        f"{item:g}" if isinstance(item, int | float | np.number) else str(item).strip().lower()
        for item in values.tolist()
    ]
    return np.array(texts, np.str_)


def opened_vector(path: Path | str) -> None:
    """Record a vector file as input of the run, with the files of a shapefile and the sources of a VRT."""
    opened(path)
    place = Path(path)
    if place.suffix.lower() == ".vrt" and place.is_file():
        for relative, source in _VRT_SOURCE.findall(place.read_text(encoding="utf-8", errors="replace")):
            name = html.unescape(source.strip())
            opened_vector(place.parent / name if relative == "1" else name)
    elif place.suffix.lower() in SHAPEFILE:
        for part in place.parent.glob(f"{glob.escape(place.stem)}.*"):
            if part.suffix.lower() in SHAPEFILE:
                opened(part)


def to_crs(
    shapes: NDArray[np.object_], source: CRS | None, target: CRS | None, what: str
) -> NDArray[np.object_]:
    """Return shapes in another CRS; vertices are added to long edges, which are curved in that CRS.

    Raises:
        SceneError: one of the CRSs is missing, or the shapes lie outside the area of the other CRS.
    """
    if (source is None) != (target is None):
        raise SceneError(
            f"{what} has no CRS but the scene has one; assign the missing CRS"
            if source is None
            else f"{what} has a CRS but the scene has none, or no geotransform; georeference the scene"
        )
    if source is None or target is None or same_crs(source, target):
        return shapes
    west, south, east, north = shapely.total_bounds(shapes)
    step = max(east - west, north - south) / 100
    if step > 0:
        shapes = shapely.segmentize(shapes, step)
    transformer = Transformer.from_crs(source, target, always_xy=True)

    def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = transformer.transform(points[:, 0], points[:, 1])
        return np.column_stack([x, y])

    moved = shapely.transform(shapes, move)
    moved = moved[np.isfinite(shapely.bounds(moved)).all(axis=1)]
    if not len(moved):
        raise SceneError(f"{what} lies outside the area of the scene's CRS; check its CRS")
    return np.asarray(shapely.make_valid(moved))


class PolygonMask:
    """Where polygons cover the pixel centres of a grid.

    Full blocks at fixed positions are rasterised and cached: the result does not depend on the window.
    """

    def __init__(self, shapes: NDArray[np.object_], grid: Grid) -> None:
        """Prepare polygons in the CRS of the grid."""
        self.grid = grid
        back = ~grid.transform

        def to_pixels(points: NDArray[np.float64]) -> NDArray[np.float64]:
            x, y = points[:, 0], points[:, 1]
            return np.column_stack([back.a * x + back.b * y + back.c, back.d * x + back.e * y + back.f])

        self._shapes: NDArray[np.object_] = np.asarray(shapely.transform(shapes, to_pixels))
        self._tree = shapely.STRtree(self._shapes)
        self._blocks: OrderedDict[tuple[int, int], NDArray[np.bool_]] = OrderedDict()
        self._most = 2 * -(-grid.width // BLOCK) + 2

    @property
    def window(self) -> Window:
        """The pixels under the polygons' bounding box, clipped to the grid; empty where they lie outside."""
        left, top, right, bottom = shapely.total_bounds(self._shapes)
        row, col = int(np.floor(top + 1e-6)), int(np.floor(left + 1e-6))
        found = Window(
            row=row, col=col, height=int(np.ceil(bottom - 1e-6)) - row, width=int(np.ceil(right - 1e-6)) - col
        )
        return found.intersect(self.grid.window)

    def read(self, window: Window) -> NDArray[np.bool_]:
        """Return whether polygons cover the pixels (H, W) of a window; False outside the grid."""
        covered = np.zeros((window.height, window.width), np.bool_)
        inner = window.intersect(self.grid.window)
        if inner.empty:
            return covered
        for row in range(inner.row // BLOCK, -(-inner.stop_row // BLOCK)):
            for col in range(inner.col // BLOCK, -(-inner.stop_col // BLOCK)):
                block = Window(row=row * BLOCK, col=col * BLOCK, height=BLOCK, width=BLOCK)
                part = block.intersect(inner)
                covered[part.slices(window)] = self._block(row, col)[part.slices(block)]
        return covered

    def _block(self, row: int, col: int) -> NDArray[np.bool_]:
        """Return a block, rasterised or from the cache."""
        if (row, col) not in self._blocks:
            self._blocks[row, col] = self._rasterise(row * BLOCK, col * BLOCK)
            while len(self._blocks) > self._most:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end((row, col))
        return self._blocks[row, col]

    def _rasterise(self, row: int, col: int) -> NDArray[np.bool_]:
        """Rasterise the block whose first pixel is (row, col)."""
        # Distant edges cost time on every row of the block, so shapes are clipped slightly outside it.
        box = (col - 2, row - 2, col + BLOCK + 2, row + BLOCK + 2)
        near = self._shapes[np.sort(self._tree.query(shapely.box(*box)))]
        cut = shapely.get_parts(shapely.clip_by_rect(near, *box)) if len(near) else near
        cut = cut[np.isin(shapely.get_type_id(cut), (3, 6)) & ~shapely.is_empty(cut)] if len(cut) else cut
        if not len(cut):
            return np.zeros((BLOCK, BLOCK), np.bool_)
        place: Any = Affine.translation(col, row)
        burnt = rasterize(
            list(cut), out_shape=(BLOCK, BLOCK), transform=place, fill=0, default_value=1, dtype="uint8"
        )
        return np.asarray(burnt != 0)
