"""PRISMA products as rasters: both cubes as one, on a map grid."""

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
from geoseg.scenes.geolocation import Geolocation, geolocation
from geoseg.scenes.georeference import Georeference
from geoseg.scenes.prisma import Detector, number, read_prisma
from geoseg.scenes.raster import Raster
from geoseg.scenes.reordered import IN_ORDER, Axes, Axis, Reordered
from geoseg.scenes.subdatasets import Contents
from geoseg.scenes.swath import Granule, Positions

STORED: Axes = ("row", "band", "col")
PIXEL = 30.0
"""Metres of a pixel on the map of level 2D."""
BRIGHT = {"vnir": 0.56, "swir": 1.6}
"""µm: where all ground reflects light, so that 0 in both detectors there means nothing was observed."""


def open_prisma(path: str) -> Raster:
    """Open a product: both cubes as one raster, on a map grid where the product says one.

    Raises:
        SceneReadError: it is damaged.
        SceneError: it is of a level that is not mapped.
    """
    contents, level, detectors = read_prisma(path)
    placed = [_field(contents, name) for name in ("Longitude", "Latitude")]
    lon, lat = placed
    if level != "L2D" and lon is not None and lat is not None:
        return PrismaGranule(path, lon, lat, detectors)
    frame = Frame(path, detectors, turned=False)
    grid = _map_grid(contents.tags, frame.grid) if level == "L2D" else None
    if grid is None and lon is not None and lat is not None:
        frame.close()
        return PrismaGranule(path, lon, lat, detectors)
    if grid is not None:
        frame.grid = grid
        return frame
    lack = "no map grid and no arrays of latitude and longitude"
    frame.georeference = Georeference(grid=frame.grid, lack=lack, remedy="fetch it again, or its level 2D")
    return frame


class Frame(Raster):
    """All bands of both detectors, in the geometry that they are stored in."""

    def __init__(self, path: str, detectors: Sequence[Detector], *, turned: bool) -> None:
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
            raise SceneReadError(f"{path}: its two cubes differ in size; fetch it again")
        self.count = sum(cube.count for cube in self._cubes)
        self.dtypes = tuple(dtype for cube in self._cubes for dtype in cube.dtypes)
        self.scales, self.offsets = (1.0,) * self.count, (0.0,) * self.count
        self.descriptions = (None,) * self.count
        level1 = detectors[0].gain.units == "radiance"
        # In level 1 a single 0 is a dark band; NaN: no stored value means "not observed".
        self.nodata = ((float("nan") if level1 else 0.0),) * self.count
        self._bright = [_nearest(item.wavelengths, BRIGHT[item.name]) for item in detectors] if level1 else []

    @property
    def alpha_candidate(self) -> int | None:
        """There is none."""
        return None

    @property
    def mask_source(self) -> str | None:
        """What masks whole pixels."""
        return "mask" if self._bright else None

    def tags(self, index: int = 0) -> dict[str, str]:
        """Metadata of the product; none of single bands."""
        return {} if index else super().tags()

    def read(self, window: Window, indexes: Sequence[int]) -> NDArray[np.generic]:
        """Return stored values (bands, height, width) of a window.

        Raises:
            SceneReadError: the file is damaged there.
        """
        out = np.empty((len(indexes), window.height, window.width), self.dtypes[0])
        for cube, positions, own in self._by_cube(indexes):
            out[positions] = cube.read(window, own)
        return out

    def read_mask(self, window: Window, indexes: Sequence[int]) -> NDArray[np.bool_] | None:  # noqa: ARG002
        """Return where anything was observed (1, height, width): where a bright band is not 0."""
        if not self._bright:
            return None
        bright = [
            cube.read(window, [index])[0] for cube, index in zip(self._cubes, self._bright, strict=True)
        ]
        return np.asarray(np.logical_or.reduce([values != 0 for values in bright]))[np.newaxis]

    @property
    def block(self) -> tuple[int, int]:
        """Rows and columns of what is decoded at once."""
        return self._cubes[0].block

    def decoded(self, indexes: Sequence[int]) -> int:
        """Bytes a pixel of what is decoded for some bands."""
        return sum(cube.decoded(own) for cube, _, own in self._by_cube(indexes))

    def _by_cube(self, indexes: Sequence[int]) -> list[tuple[Reordered, list[int], list[int]]]:
        """Return per cube its bands among those asked for: positions there, and its own 1-based indexes."""
        found, before = [], 0
        for cube in self._cubes:
            own = [
                (at, index - before) for at, index in enumerate(indexes) if 0 < index - before <= cube.count
            ]
            if own:
                found.append((cube, [at for at, _ in own], [index for _, index in own]))
            before += cube.count
        return found

    def close(self) -> None:
        """Close the cubes."""
        super().close()
        for cube in self._cubes:
            cube.close()


class PrismaGranule(Granule):
    """The same on a map grid, by the product's arrays of latitude and longitude."""

    def __init__(self, path: str, lon: str, lat: str, detectors: Sequence[Detector]) -> None:
        """Open a product that lies on no map.

        Args:
            path: the product.
            lon: its array of longitude, as GDAL opens it.
            lat: its array of latitude.
            detectors: its cubes.

        Raises:
            SceneReadError: it is damaged.
            SceneError: the arrays hold no places.
        """
        self._places = _places(path, lon, lat)
        frame = Frame(path, detectors, turned=self._places.turned)
        if self._places.turned:
            self._places = self._places.transposed()
        super().__init__(path, lat, frame)
        self.grid = self._places.grid
        if self._places.x.shape != (frame.grid.height, frame.grid.width):
            self.close()
            raise SceneReadError(f"{path}: its arrays of latitude do not fit its cubes; fetch it again")

    @property
    def mask_source(self) -> str | None:
        """What masks whole pixels: the swath's edge."""
        return "mask"

    def table(self, window: Window) -> tuple[Positions, Positions]:
        """Return rows and columns of the nearest pixels for a window of the grid; -1: none is near."""
        rows, cols = window.slices(self.grid.window)
        return self._places.nearest[0][rows, cols].copy(), self._places.nearest[1][rows, cols].copy()

    def read_mask(self, window: Window, indexes: Sequence[int]) -> NDArray[np.bool_] | None:
        """Return where the swath has pixels that were observed (1, height, width)."""
        out = np.zeros((1, window.height, window.width), np.bool_)
        whole = np.ones((1, 1, 1), np.bool_)

        def read(lines: Window) -> NDArray[np.generic]:
            mask = self.frame.read_mask(lines, indexes)
            return np.broadcast_to(whole, (1, lines.height, lines.width)) if mask is None else mask

        self.gather(window, out, read)
        return out


def _axes(path: str, detector: Detector, *, turned: bool) -> Axes:
    """Return which axis of a cube holds its bands, by their number."""
    with Raster(detector.part) as raster:
        sizes = (raster.count, raster.grid.height, raster.grid.width)
    count = len(detector.wavelengths)
    orders: tuple[Axes, ...] = (STORED, IN_ORDER, ("row", "col", "band"))
    found = next((order for order in orders if sizes[order.index("band")] == count), None)
    if found is None:
        raise SceneReadError(f"{path}: {count} wavelengths for a cube of {sizes}; fetch it again")
    other: dict[Axis, Axis] = {"row": "col", "col": "row", "band": "band"}
    first, second, third = (other[axis] if turned else axis for axis in found)
    return first, second, third


def _places(path: str, lon: str, lat: str) -> Geolocation:
    """Return where the pixels lie, by the arrays of longitude and latitude."""
    arrays = []
    for part in (lon, lat):
        with Raster(part) as raster:
            arrays.append(raster.read(raster.grid.window, [1])[0])
    return geolocation(arrays[0], arrays[1], path)


def _field(contents: Contents, name: str) -> str | None:
    """Return a geolocation array, as GDAL opens it; None: there is none."""
    for ending in ("_VNIR", "_SWIR", ""):
        for swath in ("HCO", "HRC"):
            for variable, part in contents.parts.items():
                if re.search(rf"_{swath}/Geolocation.Fields/{name}{ending}$", variable):
                    return part
    return None


def _map_grid(tags: Mapping[str, str], size: Grid) -> Grid | None:
    """Return the grid of level 2D by its corners, which are centres of pixels; None: they are not told."""
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
    """Return a pixel's size and the outer edge of the first, by the first and the last corner along an axis.

    Corners are centres of pixels, or edges where that gives pixels nearer to 30 m.
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
