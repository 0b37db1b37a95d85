"""EMIT granules (level 1B radiance, netCDF): in the geometry of the detector, and on the ground by their GLT.

GDAL's netCDF driver gives bands of (downtrack, crosstrack). The geographic lookup table (GLT) names, for each
pixel of a map grid in longitude and latitude, the nearest pixel of the frame, counted from 1; 0: none.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError
from rasterio.errors import NotGeoreferencedWarning, RasterioIOError

from geoseg.errors import SceneReadError
from geoseg.grid import Grid, Window
from geoseg.scenes.product import Asset, Product
from geoseg.scenes.raster import Raster
from geoseg.scenes.scene import Scene

LINES = 64
"""Lines of the frame that are read at once to fill a window of the map grid."""

CHUNKED = 12 * 2**20
"""Bytes of a window: of EMIT's 50 bands it touches at most four chunks then."""

FILL = -9999.0


def is_granule(path: str) -> bool:
    """Whether a file is a netCDF of radiance with a GLT, by what is in it."""
    if not path.lower().endswith(".nc"):
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            file = rasterio.open(path)
        with file:
            parts = {name.rsplit(":", 1)[-1].strip("/") for name in file.subdatasets}
    except RasterioIOError:
        return False
    return {"radiance", "location/glt_x", "location/glt_y"} <= parts


def open_raster(path: str) -> Raster:
    """Open any raster file; a granule on its map grid.

    Raises:
        SceneReadError: it is missing, damaged or no raster that GDAL reads.
        SceneError: it holds complex values.
    """
    return Granule(path) if is_granule(path) else Raster(path)


def product(path: str) -> Product:
    """Return what a granule says of itself.

    Raises:
        SceneReadError: it cannot be read.
    """
    with Raster(_part(path, "location/glt_x")) as file:
        begun = file.tags().get("nc_global#time_coverage_start", "")
    name = re.sub(r"\.nc$", "", path.replace("\\", "/").rsplit("/", 1)[-1], flags=re.IGNORECASE)
    return Product(
        name=name,
        assets=(Asset(path=path),),
        sensor="emit",
        because="a netCDF of radiance with a lookup table, as EMIT's are",
        time=_time(begun),
        notes=(f"{name}: put on the ground by its lookup table (nearest pixel of the detector)",),
    )


class Frame(Raster):
    """The radiance in the geometry of the detector: rows along the track, columns are detectors."""

    def __init__(self, path: str) -> None:
        """Open a granule.

        Raises:
            SceneReadError: it cannot be read, or its parts do not fit together.
        """
        # Else GDAL takes rows for counted from the south, and turns them.
        with rasterio.Env(GDAL_NETCDF_BOTTOMUP="NO"):
            super().__init__(_part(path, "radiance"))
        self.path = path
        self._wavelengths = _series(path, "wavelengths")
        self._widths = _series(path, "fwhm")
        self._good = _series(path, "good_wavelengths") if _has(path, "good_wavelengths") else None
        if not self.count == len(self._wavelengths) == len(self._widths):
            self.close()
            raise SceneReadError(
                f"{path}: {self.count} layers of radiance for {len(self._wavelengths)} wavelengths; EMIT's "
                f"files need GDAL 3.7 or newer, and this is {rasterio.__gdal_version__}"
            )

    def stretch(self, indexes: Sequence[int], most: int) -> tuple[int, int, int]:
        """Rows, columns and bytes that are best read at once: of whole blocks, and small."""
        # Chunks of the file hold lines, columns and bands, some 15 MB in EMIT's. A window must touch no more
        # of them than the netCDF library keeps, or each band would decode them all anew.
        return super().stretch(indexes, min(most, CHUNKED))

    def tags(self, index: int = 0) -> dict[str, str]:
        """Metadata of the file; of a band its wavelength and width."""
        if not index:
            found = super().tags()
            if self._good is not None:
                found["bbl"] = ",".join("1" if good else "0" for good in self._good)
            return found
        return {
            "wavelength": repr(float(self._wavelengths[index - 1])),
            "fwhm": repr(float(self._widths[index - 1])),
            "wavelength_units": "nanometers",
        }


class Granule(Raster):
    """The same on the map grid that the granule's lookup table describes."""

    def __init__(self, path: str) -> None:
        """Open a granule.

        Raises:
            SceneReadError: it cannot be read, or its parts do not fit together.
        """
        with rasterio.Env(GDAL_NETCDF_BOTTOMUP="NO"):
            super().__init__(_part(path, "location/glt_x"))
            self._rows = Raster(_part(path, "location/glt_y"))
        self.path = path
        self.frame = Frame(path)
        self.count, self.dtypes = self.frame.count, self.frame.dtypes
        self.scales, self.offsets = self.frame.scales, self.frame.offsets
        self.descriptions = self.frame.descriptions
        self.nodata = tuple(FILL if value is None else value for value in self.frame.nodata)
        self.grid = _map_grid(path, super().tags(), self.grid)

    @property
    def alpha_candidate(self) -> int | None:
        """There is none."""
        return None

    @property
    def mask_source(self) -> str | None:
        """None: the fill value alone says where nothing was observed."""
        return None

    def tags(self, index: int = 0) -> dict[str, str]:
        """Those of the frame."""
        return self.frame.tags(index)

    def lookup(self, window: Window) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return rows and columns of the frame for a window of the grid, both (height, width); -1: none.

        Raises:
            SceneReadError: the table is damaged.
        """
        # Some tables count pixels that fill gaps between others as negative.
        cols = np.abs(super().read(window, [1])[0].astype(np.intp)) - 1
        rows = np.abs(self._rows.read(window, [1])[0].astype(np.intp)) - 1
        if cols.max(initial=-1) >= self.frame.grid.width or rows.max(initial=-1) >= self.frame.grid.height:
            raise SceneReadError(f"{self.path}: its lookup table points beyond the frame; fetch it again")
        none = (rows < 0) | (cols < 0)
        rows[none] = cols[none] = -1
        return rows, cols

    def read(self, window: Window, indexes: Sequence[int]) -> NDArray[np.generic]:
        """Return stored values (bands, height, width) of a window, each of the nearest detector pixel.

        Raises:
            SceneReadError: the file is damaged there.
        """
        rows, cols = self.lookup(window)
        fill = np.array([self.nodata[index - 1] for index in indexes], self.dtypes[0])
        out = np.broadcast_to(fill[:, None, None], (len(indexes), *rows.shape)).copy()
        seen = rows >= 0
        if not seen.any():
            return out
        left, right = int(cols[seen].min()), int(cols[seen].max()) + 1
        for top in range(int(rows[seen].min()), int(rows[seen].max()) + 1, LINES):
            here = seen & (rows >= top) & (rows < top + LINES)
            lines = Window(row=top, col=left, height=LINES, width=right - left)
            part = self.frame.read(lines.intersect(self.frame.grid.window), indexes)
            out[:, here] = part[:, rows[here] - top, cols[here] - left]
        return out

    def read_mask(self, window: Window, indexes: Sequence[int]) -> NDArray[np.bool_] | None:  # noqa: ARG002
        """There is none."""
        return None

    def cache_bytes(self, indexes: Sequence[int], first: float, strip: int) -> int:  # noqa: ARG002
        """Bytes of the blocks of one stretch of lines; the map grid's rows do not run along the frame's."""
        return self.frame.cache_bytes(indexes, 0.0, LINES)

    def close(self) -> None:
        """Close the file."""
        super().close()
        self._rows.close()
        self.frame.close()


def in_sensor_geometry(scene: Scene) -> tuple[Scene, Granule] | None:
    """Return a scene's bands in the geometry of the detector, and what puts them on its grid.

    None where the scene's files are on the ground already, or nowhere.
    """
    granule = scene.bands[0].raster
    if not isinstance(granule, Granule) or any(band.raster is not granule for band in scene.bands):
        return None
    return Scene(scene.facts, tuple(replace(band, raster=granule.frame) for band in scene.bands)), granule


def _part(path: str, variable: str) -> str:
    """Return a variable of a netCDF as GDAL opens it."""
    return f'NETCDF:"{path}":{variable if "/" not in variable else "/" + variable}'


def _has(path: str, name: str) -> bool:
    """Whether the bands have a further parameter."""
    try:
        _series(path, name)
    except SceneReadError:
        return False
    return True


def _series(path: str, name: str) -> NDArray[np.float64]:
    """Return a parameter of the bands."""
    with Raster(_part(path, f"sensor_band_parameters/{name}")) as file:
        return file.read(file.grid.window, [1]).astype(np.float64).ravel()


def _map_grid(path: str, tags: dict[str, str], size: Grid) -> Grid:
    """Return the grid of the lookup table, which the global attributes place.

    Raises:
        SceneReadError: they do not.
    """
    numbers = [float(text) for text in re.findall(r"[-+\d.eE]+", tags.get("nc_global#geotransform", ""))]
    wkt = tags.get("nc_global#spatial_ref", "")
    try:
        crs = CRS.from_wkt(wkt)
    except CRSError:
        crs = None
    if crs is None or len(numbers) != 6:
        raise SceneReadError(
            f"{path}: its attributes geotransform and spatial_ref do not say where its lookup table lies; "
            "without them its pixels are nowhere on the ground"
        )
    return Grid(crs=crs, transform=Affine.from_gdal(*numbers), height=size.height, width=size.width)


def _time(text: str) -> datetime | None:
    """Return a time (UTC) as EMIT writes it: 2022-08-10T03:41:03+0000."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
