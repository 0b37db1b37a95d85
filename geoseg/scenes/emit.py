"""EMIT granules (netCDF): in the geometry of the detector, and on the ground by their lookup table (GLT).

GDAL's netCDF driver gives bands of (downtrack, crosstrack). The geographic lookup table names, for each
pixel of a map grid in longitude and latitude, the nearest pixel of the frame, counted from 1; 0: none.
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
from geoseg.scenes.product import Asset, LeftOut, Product, QualityFile, iso_time
from geoseg.scenes.raster import Raster, base_name
from geoseg.scenes.subdatasets import contents_of, spelled
from geoseg.scenes.swath import Granule, Positions

LOG = logging.getLogger(__name__)

CHUNKED = 12 * 2**20
"""Bytes of a window: of EMIT's 50 bands it touches at most four chunks then."""

FILL = -9999.0

SENSORS = {"radiance": "emit", "reflectance": "emit-l2a"}
"""Variables that are mapped, and the sensor whose units they have."""

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
"""Bands of the variable `mask` by their number: of versions 001 and 003."""

_STAMP = re.compile(r"_(\d{8}T\d{6}_\d{7}_\d{3})\.nc$", re.IGNORECASE)
"""Time, orbit and scene in a file's name."""

LAYERS = {"reflectance_uncertainty", "mask", "obs"}
"""Variables of a granule's other files: EMIT_L2A_RFLUNCERT, EMIT_L2A_MASK, EMIT_L1B_OBS."""


def variable_of(path: str) -> str | None:
    """Return which variable a granule holds, `radiance` or one of its siblings; None for other files."""
    if not path.lower().endswith(".nc"):
        return None
    contents = contents_of(path)
    parts = set(contents.parts) if contents else set()
    if not {"location/glt_x", "location/glt_y"} <= parts:
        return None
    return next((name for name in (*SENSORS, *sorted(LAYERS)) if name in parts), None)


def is_granule(path: str) -> bool:
    """Whether a file is a granule of EMIT, by what is in it."""
    return variable_of(path) is not None


def siblings(path: str) -> list[str]:
    """Return the other files of a local granule's acquisition in its folder."""
    stamp, place = _STAMP.search(path), Path(path)
    if stamp is None or not place.is_file():
        return []
    near = sorted(str(item) for item in place.parent.glob(f"EMIT_L*_{stamp[1]}.nc"))
    return [item for item in near if Path(item) != place and variable_of(item) in LAYERS]


def emit_product(path: str, beside: Sequence[str] = ()) -> Product:
    """Return what a granule says of itself.

    Args:
        path: the granule.
        beside: its other files: the mask is its quality layer, others are left out.

    Raises:
        SceneReadError: it cannot be read.
        SceneError: it holds neither radiance nor reflectance.
    """
    variable = variable_of(path)
    if variable not in SENSORS:
        raise SceneError(
            f"{path} holds {variable or 'no variable'} of EMIT, no bands to map; give the EMIT_L1B_RAD or "
            "EMIT_L2A_RFL file"
        )
    with Raster(spelled("netcdf", path, "location/glt_x")) as file:
        begun = file.tags().get("nc_global#time_coverage_start", "")
    centres, widths = _series(path, "wavelengths") / 1000, _series(path, "fwhm") / 1000
    good = _series(path, "good_wavelengths") if _has(path, "good_wavelengths") else np.ones(len(centres))
    stamp = _STAMP.search(path)
    masks = [
        item
        for item in beside
        if stamp and (own := _STAMP.search(item)) and own[1] == stamp[1] and variable_of(item) == "mask"
    ]
    name = re.sub(r"\.nc$", "", base_name(path), flags=re.IGNORECASE)
    asset = Asset(
        path=path,
        wavelengths=tuple(float(um) if used else None for um, used in zip(centres, good, strict=True)),
        widths=tuple(map(float, widths)),
    )
    note(LOG, f"{name}: put on the ground by its lookup table (nearest pixel of the detector)")
    return Product(
        name=name,
        assets=(asset,),
        sensor=SENSORS[variable],
        because=f"a netCDF of {variable} with a lookup table, as EMIT's are",
        time=iso_time(begun),
        quality=tuple(QualityFile(path=item, kinds=("emit-mask",)) for item in masks),
        left_out=tuple(
            LeftOut(name=base_name(item), why="no bands to map") for item in beside if item not in masks
        ),
    )


class Frame(Raster):
    """All bands in the geometry of the detector: rows along the track, columns are detectors."""

    def __init__(self, path: str) -> None:
        """Open a granule.

        Raises:
            SceneReadError: it cannot be read, or its parts do not fit together.
        """
        variable = variable_of(path) or "radiance"
        # Else GDAL takes rows for counted from the south, and turns them.
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
                f"{path}: {self.count} layers for {expected} wavelengths; EMIT's files need GDAL 3.7 or "
                f"newer, and this is {rasterio.__gdal_version__}"
            )

    def stretch(self, indexes: Sequence[int], most: int) -> tuple[int, int, int]:
        """Rows, columns and bytes that are best read at once: of whole blocks, and small."""
        # Chunks of the file hold lines, columns and bands, some 15 MB in EMIT's. A window must touch no more
        # of them than the netCDF library keeps, or each band would decode them all anew.
        return super().stretch(indexes, min(most, CHUNKED))


class EmitGranule(Granule):
    """The same on the map grid that the granule's lookup table describes."""

    def __init__(self, path: str) -> None:
        """Open a granule.

        Raises:
            SceneReadError: it cannot be read, or its parts do not fit together.
        """
        frame = Frame(path)
        with rasterio.Env(GDAL_NETCDF_BOTTOMUP="NO"):
            super().__init__(path, spelled("netcdf", path, "location/glt_x"), frame)
            self._rows = Raster(spelled("netcdf", path, "location/glt_y"))
        self.nodata = tuple(FILL if value is None else value for value in frame.nodata)
        self.grid = _map_grid(path, Raster.tags(self), self.grid)

    def table(self, window: Window) -> tuple[Positions, Positions]:
        """Return rows and columns of the frame for a window of the grid, both (height, width); below 0: none.

        Raises:
            SceneReadError: the table cannot be read.
        """
        # Some tables count pixels that fill gaps between others as negative.
        cols = np.abs(Raster.read(self, window, [1])[0].astype(np.intp)) - 1
        rows = np.abs(self._rows.read(window, [1])[0].astype(np.intp)) - 1
        return rows, cols

    def close(self) -> None:
        """Close the file."""
        super().close()
        self._rows.close()


def _has(path: str, name: str) -> bool:
    """Whether the bands have a further parameter."""
    try:
        _series(path, name)
    except SceneReadError:
        return False
    return True


def _series(path: str, name: str) -> NDArray[np.float64]:
    """Return a parameter of the bands."""
    with Raster(spelled("netcdf", path, f"sensor_band_parameters/{name}")) as file:
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
