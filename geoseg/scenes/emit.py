"""EMIT granules (netCDF): swaths, and swaths orthorectified by their geometry lookup table (GLT).

GDAL's netCDF driver gives bands of (downtrack, crosstrack). The lookup table has, for each pixel of a map
grid in longitude and latitude, the nearest pixel of the swath, counted from 1; 0: none.
Layout: NASA LP DAAC, EMIT L1B and L2A user guides.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from geoseg.errors import SceneError, SceneReadError
from geoseg.grid import Grid, Window
from geoseg.messages import note
from geoseg.scenes.contents import contents_of
from geoseg.scenes.product import Asset, LeftOut, Product, QualityFile, iso_time
from geoseg.scenes.raster import Raster, base_name
from geoseg.scenes.subdatasets import spelled
from geoseg.scenes.swath import Granule, Positions

LOG = logging.getLogger(__name__)

CHUNKED = 12 * 2**20
"""Largest size of a window in bytes: a window of 50 bands then needs at most four chunks of a file."""

FILL = -9999.0

SENSORS = {"radiance": "emit", "reflectance": "emit-l2a"}
"""Variables that can be mapped, and the sensors with their units."""

MASK_BANDS = {
    8: (
        "Cloud flag",
        "Cirrus flag",
        "Water flag",
        "Spacecraft Flag",
        "Dilated Cloud Flag",
        "AOD550",
        "H2O",
        "Aggregate Flag",
    ),
    7: (
        "Cloud flag",
        "Cirrus flag",
        "Water flag",
        "Dilated Cloud Flag",
        "SpecTf-Cloud Probability",
        "SpecTf-Cloud Flag",
        "SpecTf-Buffer Distance",
    ),
}
"""Band names of the variable `mask` by number of bands: of versions 001 and 003."""

_STAMP = re.compile(r"_(\d{8}T\d{6}_\d{7}_\d{3})\.nc$", re.IGNORECASE)
"""Time, orbit and scene in a file name."""

LAYERS = {"reflectance_uncertainty", "mask", "obs"}
"""Variables of the other files of a granule: EMIT_L2A_RFLUNCERT, EMIT_L2A_MASK, EMIT_L1B_OBS."""


def variable_of(path: str) -> str | None:
    """Return the variable of a granule, one of `SENSORS` or `LAYERS`; None for other files."""
    if not path.lower().endswith(".nc"):
        return None
    contents = contents_of(path)
    parts = set(contents.parts) if contents else set()
    if not {"location/glt_x", "location/glt_y"} <= parts:
        return None
    return next((name for name in (*SENSORS, *sorted(LAYERS)) if name in parts), None)


def is_granule(path: str) -> bool:
    """Return True for a file with the contents of an EMIT granule."""
    return variable_of(path) is not None


def siblings(path: str) -> list[str]:
    """Return the other files of a local granule in its folder, of the same acquisition."""
    stamp, file = _STAMP.search(path), Path(path)
    if stamp is None or not file.is_file():
        return []
    others = sorted(str(item) for item in file.parent.glob(f"EMIT_L*_{stamp[1]}.nc"))
    return [item for item in others if Path(item) != file and variable_of(item) in LAYERS]


def emit_product(path: str, others: Sequence[str] = ()) -> Product:
    """Return the file and the metadata of a granule.

    Args:
        path: the granule.
        others: other files of the granule: the mask is its quality layer, the others are left out.

    Raises:
        SceneReadError: the granule cannot be read.
        SceneError: it has neither radiance nor reflectance.
    """
    variable = variable_of(path)
    if variable not in SENSORS:
        raise SceneError(
            f"{path} has the EMIT variable {variable or '(none)'}, which cannot be mapped; give the "
            "EMIT_L1B_RAD or EMIT_L2A_RFL file"
        )
    with Raster(spelled("netcdf", path, "location/glt_x")) as file:
        start = file.tags().get("nc_global#time_coverage_start", "")
    centres, widths = _series(path, "wavelengths") / 1000, _series(path, "fwhm") / 1000
    try:
        good = _series(path, "good_wavelengths")
    except SceneReadError:
        # Only granules of reflectance have this parameter.
        good = np.ones(len(centres))
    stamp = _STAMP.search(path)
    masks = [
        item
        for item in others
        if stamp and (found := _STAMP.search(item)) and found[1] == stamp[1] and variable_of(item) == "mask"
    ]
    name = re.sub(r"\.nc$", "", base_name(path), flags=re.IGNORECASE)
    asset = Asset(
        path=path,
        wavelengths=tuple(float(um) if used else None for um, used in zip(centres, good, strict=True)),
        widths=tuple(map(float, widths)),
    )
    note(LOG, f"{name}: orthorectified by its geometry lookup table (nearest pixel of the swath)")
    return Product(
        name=name,
        assets=(asset,),
        sensor=SENSORS[variable],
        sensor_reason=f"netCDF with {variable} and the geometry lookup table of EMIT",
        time=iso_time(start),
        quality=tuple(QualityFile(path=item, kinds=("emit-mask",)) for item in masks),
        left_out=tuple(
            LeftOut(name=base_name(item), why="no bands to map") for item in others if item not in masks
        ),
    )


class EmitSwath(Raster):
    """All bands as a swath: rows are lines along the track, columns are detectors."""

    def __init__(self, path: str) -> None:
        """Open a granule.

        Raises:
            SceneReadError: it cannot be read, or its parts do not fit together.
        """
        variable = variable_of(path) or "radiance"
        # Without this option GDAL assumes that rows are counted from the south, and reverses them.
        with rasterio.Env(GDAL_NETCDF_BOTTOMUP="NO"):
            super().__init__(spelled("netcdf", path, variable))
        self.path = path
        if variable not in SENSORS:
            self.descriptions = MASK_BANDS.get(self.count, (None,) * self.count)
            return
        expected = len(_series(path, "wavelengths"))
        if self.count != expected:
            self.close()
            raise SceneReadError(
                f"{path}: {self.count} layers for {expected} wavelengths; EMIT files need GDAL 3.7 or newer, "
                f"and this is {rasterio.__gdal_version__}"
            )

    def stretch(self, indexes: Sequence[int], most: int) -> tuple[int, int, int]:
        """Return rows, columns and bytes to read at once: whole blocks, but small."""
        # Chunks of the file hold lines, columns and bands, about 15 MB each. A window must not need more of
        # them than the netCDF library caches, or each band would decode all of them again.
        return super().stretch(indexes, min(most, CHUNKED))


class EmitGranule(Granule):
    """All bands on the map grid of the granule's geometry lookup table."""

    def __init__(self, path: str) -> None:
        """Open a granule.

        Raises:
            SceneReadError: it cannot be read, or its parts do not fit together.
        """
        swath = EmitSwath(path)
        with rasterio.Env(GDAL_NETCDF_BOTTOMUP="NO"):
            super().__init__(path, spelled("netcdf", path, "location/glt_x"), swath)
            self._rows = Raster(spelled("netcdf", path, "location/glt_y"))
        self.nodata = tuple(FILL if value is None else value for value in swath.nodata)
        self.grid = _map_grid(path, Raster.tags(self), self.grid)

    def table(self, window: Window) -> tuple[Positions, Positions]:
        """Return rows and columns of the swath for a window of the grid, both (height, width); below 0: none.

        Raises:
            SceneReadError: the table cannot be read.
        """
        # In some tables the numbers of pixels that fill gaps are negative.
        cols = np.abs(Raster.read(self, window, [1])[0].astype(np.intp)) - 1
        rows = np.abs(self._rows.read(window, [1])[0].astype(np.intp)) - 1
        return rows, cols

    def close(self) -> None:
        """Close the file."""
        super().close()
        self._rows.close()


def _series(path: str, name: str) -> NDArray[np.float64]:
    """Return a parameter of the bands (n,).

    Raises:
        SceneReadError: the granule does not have it.
    """
    with Raster(spelled("netcdf", path, f"sensor_band_parameters/{name}")) as file:
        return file.read(file.grid.window, [1]).astype(np.float64).ravel()


def _map_grid(path: str, tags: dict[str, str], size: Grid) -> Grid:
    """Return the grid of the lookup table from the global attributes.

    Raises:
        SceneReadError: the attributes do not have it.
    """
    numbers = [float(text) for text in re.findall(r"[-+\d.eE]+", tags.get("nc_global#geotransform", ""))]
    wkt = tags.get("nc_global#spatial_ref", "")
    try:
        crs = CRS.from_wkt(wkt)
    except CRSError:
        crs = None
    if crs is None or len(numbers) != 6:
        raise SceneReadError(
            f"{path}: the attributes geotransform and spatial_ref of the lookup table are missing, so that "
            "the granule has no georeference; download it again"
        )
    return Grid(crs=crs, transform=Affine.from_gdal(*numbers), height=size.height, width=size.width)
