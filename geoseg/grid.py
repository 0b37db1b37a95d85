"""Pixel grids: arithmetic and geodesy, no input or output.

Windows are (row, col, height, width) in pixels, as keywords, never positional. A window may leave its grid:
readers pad it and mark the padding as not valid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer

from geoseg.errors import UsageError

READ_ROWS = 512
"""Rows of the stretches in which a raster is read; blocks are needed until the end of the next stretch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A rectangle of pixels."""

    row: int
    """First row; negative above the grid."""
    col: int
    """First column; negative left of the grid."""
    height: int
    width: int

    @property
    def stop_row(self) -> int:
        """The row after the last one."""
        return self.row + self.height

    @property
    def stop_col(self) -> int:
        """The column after the last one."""
        return self.col + self.width

    @property
    def empty(self) -> bool:
        """Whether the window has no pixel."""
        return self.height <= 0 or self.width <= 0

    def intersect(self, other: Window) -> Window:
        """Return the intersection; its height or width is 0 where there is none."""
        row, col = max(self.row, other.row), max(self.col, other.col)
        return Window(
            row=row,
            col=col,
            height=max(0, min(self.stop_row, other.stop_row) - row),
            width=max(0, min(self.stop_col, other.stop_col) - col),
        )

    def pad(self, margin: int) -> Window:
        """Grow by `margin` pixels on every side."""
        return Window(
            row=self.row - margin,
            col=self.col - margin,
            height=self.height + 2 * margin,
            width=self.width + 2 * margin,
        )

    def scaled(self, factor: int) -> Window:
        """Return the same rectangle in pixels that are `factor` times smaller."""
        return Window(
            row=self.row * factor,
            col=self.col * factor,
            height=self.height * factor,
            width=self.width * factor,
        )

    def slices(self, origin: Window) -> tuple[slice, slice]:
        """Return the row and column slices of this window in an array of the pixels of `origin`."""
        row, col = self.row - origin.row, self.col - origin.col
        return slice(row, row + self.height), slice(col, col + self.width)


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The position of the pixels of a raster on the ground."""

    crs: CRS | None
    """Coordinate reference system; None: coordinates are pixels, not positions on the ground."""
    transform: Affine
    """From (column, row) of pixel corners to CRS coordinates."""
    height: int
    width: int

    @property
    def window(self) -> Window:
        """The window of the full grid."""
        return Window(row=0, col=0, height=self.height, width=self.width)

    @property
    def north_up(self) -> bool:
        """Whether rows run along x and columns along -y or +y (no rotation or shear)."""
        return bool(self.transform.b == 0 and self.transform.d == 0)

    def geotiff(self) -> dict[str, Any]:
        """Return the size and georeference of a new GeoTIFF, as arguments of `rasterio.open`."""
        return {
            "driver": "GTiff",
            "height": self.height,
            "width": self.width,
            "crs": None if self.crs is None else self.crs.to_wkt(),
            "transform": self.transform,
            "bigtiff": "if_safer",
        }

    def crop(self, window: Window) -> Grid:
        """Return the grid of a window."""
        a, b, c, d, e, f = self.transform[:6]
        # Written out, since affine 3 requires @ and affine 2 has only *.
        x, y = a * window.col + b * window.row + c, d * window.col + e * window.row + f
        return Grid(
            crs=self.crs,
            transform=Affine(a, b, x, d, e, y),
            height=window.height,
            width=window.width,
        )

    def moved(self, rows: float, cols: float) -> Grid:
        """Return the grid shifted by a number of rows downwards and columns to the right, or fractions."""
        a, b, c, d, e, f = self.transform[:6]
        move = Affine(a, b, a * cols + b * rows + c, d, e, d * cols + e * rows + f)
        return Grid(crs=self.crs, transform=move, height=self.height, width=self.width)

    def resized(self, height: int, width: int) -> Grid:
        """Return a grid of another number of pixels with the same extent."""
        down, right = self.height / height, self.width / width
        a, b, c, d, e, f = self.transform[:6]
        return Grid(
            crs=self.crs,
            transform=Affine(a * right, b * down, c, d * right, e * down, f),
            height=height,
            width=width,
        )

    @cached_property
    def pixel_size_m(self) -> tuple[float, float]:
        """Size of the centre pixel on the ground (row step, column step) in metres; NaN without a CRS.

        Where the CRS is not defined at the centre, that of the first pixel at a corner or in the middle of a
        side where it is; NaN where there is none.
        """
        if self.crs is None:
            return math.nan, math.nan
        centre = self.height / 2, self.width / 2
        ends = product((0, self.height / 2, self.height - 1), (0, self.width / 2, self.width - 1))
        for row, col in (centre, *ends):
            lon, lat = self.lonlat(np.array([row, row + 1, row]), np.array([col, col, col + 1]))
            if np.isfinite([lon, lat]).all():
                _, _, down = self._geod.inv(lon[0], lat[0], lon[1], lat[1])
                _, _, right = self._geod.inv(lon[0], lat[0], lon[2], lat[2])
                return float(down), float(right)
        return math.nan, math.nan

    def pixel_areas(self, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the geodesic area in m² of a pixel at each (row, col) position; NaN without a CRS.

        The area of a pixel varies slowly over a scene (UTM: by parts in a thousand; degrees: with the cosine
        of latitude). It is computed at 33 × 33 nodes at most, as the geodesic area of the pixel there (Karney
        2013, doi:10.1007/s00190-012-0578-z), and interpolated linearly.

        Args:
            rows: row positions in pixels, any shape; n + 0.5 is the centre of a pixel.
            cols: column positions, of the same shape.
        """
        if self.crs is None:
            return np.full(np.shape(rows), math.nan)
        node_rows, node_cols, areas = self._area_nodes
        row_at = np.interp(rows, node_rows, np.arange(node_rows.size))
        col_at = np.interp(cols, node_cols, np.arange(node_cols.size))
        row0 = np.minimum(row_at.astype(np.intp), max(node_rows.size - 2, 0))
        col0 = np.minimum(col_at.astype(np.intp), max(node_cols.size - 2, 0))
        row1 = np.minimum(row0 + 1, node_rows.size - 1)
        col1 = np.minimum(col0 + 1, node_cols.size - 1)
        down, right = row_at - row0, col_at - col0
        top = areas[row0, col0] * (1 - right) + areas[row0, col1] * right
        bottom = areas[row1, col0] * (1 - right) + areas[row1, col1] * right
        return np.asarray(top * (1 - down) + bottom * down)

    def window_areas(self, window: Window) -> NDArray[np.float64]:
        """Return the geodesic area in m² of each pixel of a window, (H, W); NaN without a CRS."""
        rows, cols = np.mgrid[0 : window.height, 0 : window.width] + 0.5
        return self.pixel_areas(rows + window.row, cols + window.col)

    def tally(
        self, codes: NDArray[np.integer[Any]], valid: NDArray[np.bool_], window: Window, size: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the number of pixels of each code, and their area in m² (0 without a CRS).

        Areas are interpolated linearly between the first and the last row, so a window should have some
        hundred rows at most.

        Args:
            codes: (H, W), 0 to `size` - 1.
            valid: (H, W); only these pixels are counted.
            window: of the codes.
            size: number of codes.

        Returns:
            (size,) pixels and (size,) areas.
        """
        seen = slice(None) if valid.all() else valid.ravel()
        counted = codes.ravel()[seen]
        pixels = np.bincount(counted, minlength=size).astype(np.int64)
        if self.crs is None:
            return pixels, np.zeros(size)
        cols = np.arange(window.width, dtype=np.float64) + (window.col + 0.5)
        ends = window.row + 0.5, window.stop_row - 0.5
        first, last = (self.pixel_areas(np.full(cols.shape, row), cols) for row in ends)
        down = np.arange(window.height)[:, np.newaxis] / max(window.height - 1, 1)
        weights = down * (last - first)
        weights += first
        return pixels, np.bincount(counted, weights.ravel()[seen], minlength=size).astype(np.float64)

    @cached_property
    def _area_nodes(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Rows and columns of nodes, and the area of the pixel at each node (m²)."""
        node_rows = np.linspace(0.5, max(self.height - 0.5, 0.5), min(33, self.height))
        node_cols = np.linspace(0.5, max(self.width - 0.5, 0.5), min(33, self.width))
        # The corners of a block of 2 x 2 pixels differ by more than rounding errors at sub-metre pixel size;
        # the block is smaller at the edge of the grid, which may be a pole.
        down = np.minimum(1.0, np.minimum(node_rows, self.height - node_rows))
        right = np.minimum(1.0, np.minimum(node_cols, self.width - node_cols))
        corner_rows = node_rows[:, np.newaxis] + down[:, np.newaxis] * [-1.0, -1.0, 1.0, 1.0]
        corner_cols = node_cols[:, np.newaxis] + right[:, np.newaxis] * [-1.0, 1.0, 1.0, -1.0]
        shape = (node_rows.size, node_cols.size, 4)
        lons, lats = self.lonlat(
            np.broadcast_to(corner_rows[:, np.newaxis], shape).ravel(),
            np.broadcast_to(corner_cols, shape).ravel(),
        )
        corners = zip(lons.reshape(-1, 4), lats.reshape(-1, 4), strict=True)
        blocks = np.array([abs(self._geod.polygon_area_perimeter(lon, lat)[0]) for lon, lat in corners])
        return node_rows, node_cols, blocks.reshape(shape[:2]) / (4 * down[:, np.newaxis] * right)

    def outline(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return rows and columns (32,) along the edge, eight to a side, clockwise from the first corner."""
        steps = np.linspace(0, 1, 9)[:-1]
        rows = np.concatenate([0 * steps, steps, 1 + 0 * steps, 1 - steps]) * self.height
        cols = np.concatenate([steps, 1 + 0 * steps, 1 - steps, 0 * steps]) * self.width
        return rows, cols

    def lonlat(
        self, rows: NDArray[np.float64], cols: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return longitude and latitude in degrees, on the datum of the CRS, of pixel positions.

        Raises:
            UsageError: the grid has no CRS.
        """
        if self.crs is None:
            raise UsageError("a grid without a CRS has no longitude and latitude")
        x = self.transform.a * cols + self.transform.b * rows + self.transform.c
        y = self.transform.d * cols + self.transform.e * rows + self.transform.f
        if self.crs.is_geographic:
            return x, y
        lon, lat = self._to_geographic.transform(x, y)
        return np.asarray(lon), np.asarray(lat)

    def from_lonlat(self, lon: float, lat: float) -> tuple[float, float]:
        """Return the (column, row) position in pixels of a longitude and latitude in degrees.

        Raises:
            UsageError: the grid has no CRS, or the CRS is not defined there.
        """
        if self.crs is None:
            raise UsageError("a grid without a CRS has no longitude and latitude")
        x, y = lon, lat
        if not self.crs.is_geographic:
            x, y = self._to_geographic.transform(lon, lat, direction="INVERSE")
        if not (math.isfinite(x) and math.isfinite(y)):
            raise UsageError(
                f"longitude {lon:g}, latitude {lat:g} lies outside the area of {self.crs.to_string()}"
            )
        back = ~self.transform
        return back.a * x + back.b * y + back.c, back.d * x + back.e * y + back.f

    @cached_property
    def _geod(self) -> Geod:
        geod = self.crs.get_geod() if self.crs is not None else None
        return geod if geod is not None else Geod(ellps="WGS84")

    @cached_property
    def _to_geographic(self) -> Transformer:
        geodetic = self.crs.geodetic_crs if self.crs is not None else None
        return Transformer.from_crs(self.crs, geodetic or CRS.from_epsg(4326), always_xy=True)


def sample_windows(grid: Grid, *, size: int, most: int) -> list[Window]:
    """Return up to `most` windows of `size` x `size` pixels spread evenly over a grid, in row order.

    The windows cover a small grid completely, so that statistics of small scenes use every pixel. Windows are
    clipped to the grid and do not overlap.
    """
    rows, cols = -(-grid.height // size), -(-grid.width // size)
    shrink = math.sqrt(max(1.0, rows * cols / most))
    sample_rows = max(1, min(rows, most, round(rows / shrink)))
    sample_cols = max(1, min(cols, most // sample_rows))
    return [
        Window(row=int(row) * size, col=int(col) * size, height=size, width=size).intersect(grid.window)
        for row in np.linspace(0, rows - 1, sample_rows).round()
        for col in np.linspace(0, cols - 1, sample_cols).round()
    ]
