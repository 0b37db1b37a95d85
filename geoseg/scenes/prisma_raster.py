"""PRISMA products as rasters: both cubes as one raster on a map grid."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from geoseg.errors import SceneReadError
from geoseg.grid import Grid, Window
from geoseg.scenes.axis_order import IN_ORDER, Axes, Axis, Reordered
from geoseg.scenes.contents import Contents
from geoseg.scenes.geolocation import Geolocation, geolocation
from geoseg.scenes.georeference import Georeference
from geoseg.scenes.prisma import PrismaCube, number, read_prisma
from geoseg.scenes.raster import Raster
from geoseg.scenes.swath import Granule, Positions

STORED: Axes = ("row", "band", "col")
PIXEL = 30.0
"""Pixel size of level 2D in metres."""
BRIGHT = {"vnir": 0.56, "swir": 1.6}
"""Wavelengths in µm where all ground reflects light: 0 there in both detectors means "not observed"."""


def open_prisma(path: str) -> Raster:
    """Open a product: both cubes as one raster, on a map grid if the product has a georeference.

    Raises:
        SceneReadError: the product is damaged.
        SceneError: the level of the product cannot be mapped.
    """
    contents, level, detectors = read_prisma(path)
    lon, lat = _field(contents, "Longitude"), _field(contents, "Latitude")
    if level != "L2D" and lon is not None and lat is not None:
        return PrismaGranule(path, lon, lat, detectors)
    swath = PrismaSwath(path, detectors, turned=False)
    grid = _map_grid(contents.tags, swath.grid) if level == "L2D" else None
    if grid is None and lon is not None and lat is not None:
        swath.close()
        return PrismaGranule(path, lon, lat, detectors)
    if grid is not None:
        swath.grid = grid
        return swath
    lack = "no map grid and no arrays of latitude and longitude"
    swath.georeference = Georeference(
        grid=swath.grid, lack=lack, remedy="download the product again, or its level 2D"
    )
    return swath


class PrismaSwath(Raster):
    """All bands of both detectors, in the geometry in which they are stored."""

    def __init__(self, path: str, detectors: Sequence[PrismaCube], *, turned: bool) -> None:
        """Open the cubes; `turned` exchanges rows and columns.

        Raises:
            SceneReadError: a cube is damaged, or the two differ in size.
        """
        super().__init__(detectors[0].part)
        self.path = path
        self._cubes = [Reordered(item.part, _axes(path, item, turned=turned)) for item in detectors]
        self.grid = self._cubes[0].grid
        if any(cube.grid != self.grid for cube in self._cubes):
            self.close()
            raise SceneReadError(f"{path}: the two cubes differ in size; download the product again")
        self.count = sum(cube.count for cube in self._cubes)
        self.dtypes = tuple(dtype for cube in self._cubes for dtype in cube.dtypes)
        self.scales, self.offsets = (1.0,) * self.count, (0.0,) * self.count
        self.descriptions = (None,) * self.count
        level1 = detectors[0].gain.units == "radiance"
        # In level 1 a 0 in one band is dark ground; nodata NaN: no stored value means "not observed".
        self.nodata = ((float("nan") if level1 else 0.0),) * self.count
        self._bright = [_nearest(item.wavelengths, BRIGHT[item.name]) for item in detectors] if level1 else []

    @property
    def alpha_candidate(self) -> int | None:
        """None: there is no alpha band."""
        return None

    def tags(self, index: int = 0) -> dict[str, str]:
        """Return the metadata of the product; bands have none."""
        return {} if index else super().tags()

    def read(self, window: Window, indexes: Sequence[int]) -> NDArray[np.generic]:
        """Return stored values (bands, height, width) of a window.

        Raises:
            SceneReadError: the file is damaged there.
        """
        out = np.empty((len(indexes), window.height, window.width), self.dtypes[0])
        for cube, positions, in_cube in self._by_cube(indexes):
            out[positions] = cube.read(window, in_cube)
        return out

    def read_mask(self, window: Window, indexes: Sequence[int]) -> NDArray[np.bool_] | None:  # noqa: ARG002
        """Return the mask (1, height, width): valid where a bright band is not 0."""
        if not self._bright:
            return None
        bright = [
            cube.read(window, [index])[0] for cube, index in zip(self._cubes, self._bright, strict=True)
        ]
        return np.asarray(np.logical_or.reduce([values != 0 for values in bright]))[np.newaxis]

    @property
    def block(self) -> tuple[int, int]:
        """Rows and columns that are decoded at once."""
        return self._cubes[0].block

    def decoded(self, indexes: Sequence[int]) -> int:
        """Return the bytes per pixel that are decoded for some bands."""
        return sum(cube.decoded(in_cube) for cube, _, in_cube in self._by_cube(indexes))

    def _by_cube(self, indexes: Sequence[int]) -> list[tuple[Reordered, list[int], list[int]]]:
        """Return for each cube the positions of its bands in `indexes`, and their indexes in the cube."""
        cubes, before = [], 0
        for cube in self._cubes:
            bands = [
                (at, index - before) for at, index in enumerate(indexes) if 0 < index - before <= cube.count
            ]
            if bands:
                cubes.append((cube, [at for at, _ in bands], [index for _, index in bands]))
            before += cube.count
        return cubes

    def close(self) -> None:
        """Close the cubes."""
        super().close()
        for cube in self._cubes:
            cube.close()


class PrismaGranule(Granule):
    """All bands on a map grid, by the product's arrays of latitude and longitude."""

    def __init__(self, path: str, lon: str, lat: str, detectors: Sequence[PrismaCube]) -> None:
        """Open a product that is not on a map grid.

        Args:
            path: the product.
            lon: GDAL's name of its array of longitude.
            lat: GDAL's name of its array of latitude.
            detectors: its cubes.

        Raises:
            SceneReadError: the product is damaged.
            SceneError: the arrays have no valid coordinates.
        """
        self._geolocation = _geolocation(path, lon, lat)
        swath = PrismaSwath(path, detectors, turned=self._geolocation.turned)
        if self._geolocation.turned:
            self._geolocation = self._geolocation.transposed()
        super().__init__(path, lat, swath)
        self.grid = self._geolocation.grid
        if self._geolocation.x.shape != (swath.grid.height, swath.grid.width):
            self.close()
            raise SceneReadError(
                f"{path}: the arrays of latitude do not fit the cubes; download the product again"
            )

    def table(self, window: Window) -> tuple[Positions, Positions]:
        """Return rows and columns of the nearest pixels for a window of the grid; -1: no pixel is near."""
        rows, cols = window.slices(self.grid.window)
        return self._geolocation.nearest[0][rows, cols].copy(), self._geolocation.nearest[1][
            rows, cols
        ].copy()

    def read_mask(self, window: Window, indexes: Sequence[int]) -> NDArray[np.bool_] | None:
        """Return the mask (1, height, width): valid where the swath has valid pixels."""
        out = np.zeros((1, window.height, window.width), np.bool_)

        def read(lines: Window) -> NDArray[np.generic]:
            mask = self.frame.read_mask(lines, indexes)
            return np.ones((1, lines.height, lines.width), np.bool_) if mask is None else mask

        self.gather(window, out, read)
        return out


def _axes(path: str, detector: PrismaCube, *, turned: bool) -> Axes:
    """Return the axes of a cube; the axis of bands has as many elements as there are wavelengths."""
    with Raster(detector.part) as raster:
        sizes = (raster.count, raster.grid.height, raster.grid.width)
    count = len(detector.wavelengths)
    orders: tuple[Axes, ...] = (STORED, IN_ORDER, ("row", "col", "band"))
    found = next((order for order in orders if sizes[order.index("band")] == count), None)
    if found is None:
        raise SceneReadError(
            f"{path}: {count} wavelengths do not fit a cube of {sizes}; download the product again"
        )
    other: dict[Axis, Axis] = {"row": "col", "col": "row", "band": "band"}
    first, second, third = (other[axis] if turned else axis for axis in found)
    return first, second, third


def _geolocation(path: str, lon: str, lat: str) -> Geolocation:
    """Return the geolocation of the pixels from the arrays of longitude and latitude."""
    arrays = []
    for part in (lon, lat):
        with Raster(part) as raster:
            arrays.append(raster.read(raster.grid.window, [1])[0])
    return geolocation(arrays[0], arrays[1], path)


def _field(contents: Contents, name: str) -> str | None:
    """Return GDAL's name of a geolocation array; None if there is none."""
    for ending in ("_VNIR", "_SWIR", ""):
        for swath in ("HCO", "HRC"):
            for variable, part in contents.parts.items():
                if re.search(rf"_{swath}/Geolocation.Fields/{name}{ending}$", variable):
                    return part
    return None


def _map_grid(tags: Mapping[str, str], size: Grid) -> Grid | None:
    """Return the grid of level 2D from its corners, which are pixel centres; None if they are not stated."""
    edges = {
        side: [
            value
            for corner in ("ul", "ur", "ll", "lr")
            if (value := number(tags, f"product_{corner}corner_{side}")) is not None
        ]
        for side in ("easting", "northing")
    }
    try:
        crs = CRS.from_epsg(int(number(tags, "epsg_code") or 0))
    except CRSError:
        return None
    if not edges["easting"] or not edges["northing"]:
        return None
    step_x, west = _span(min(edges["easting"]), max(edges["easting"]), size.width)
    step_y, south = _span(min(edges["northing"]), max(edges["northing"]), size.height)
    several = len(set(edges["northing"])) > 1
    top = south + step_y * size.height if several else max(edges["northing"]) + step_y / 2
    return Grid(
        crs=crs, transform=Affine(step_x, 0, west, 0, -step_y, top), height=size.height, width=size.width
    )


def _span(low: float, high: float, count: int) -> tuple[float, float]:
    """Return the pixel size and the outer edge of the first pixel from the corners along an axis.

    Corners are read as pixel edges instead of centres if that gives pixels nearer to 30 m.
    """
    if high == low or count < 2:
        return PIXEL, low - PIXEL / 2
    centres, edges = (high - low) / (count - 1), (high - low) / count
    if abs(centres - PIXEL) <= abs(edges - PIXEL):
        return centres, low - centres / 2
    return edges, low


def _nearest(wavelengths: Sequence[float | None], centre: float) -> int:
    """Return the 1-based index of the band nearest to a wavelength."""
    known = [(abs(um - centre), index) for index, um in enumerate(wavelengths, start=1) if um]
    return min(known)[1] if known else 1
