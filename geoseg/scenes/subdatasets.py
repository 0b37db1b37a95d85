"""Subdatasets as GDAL spells them, such as `NETCDF:"file.nc":green`: which file, which part of it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioIOError

_DRIVERS = (
    r"NETCDF|HDF5|BAG|ZARR|HDF4(?:_SDS|_EOS|_GR)?(?::[A-Z_]+(?=:))?|SENTINEL2_L(?:1B|1C|1C_TILE|2A)|GTIFF_DIR(?::off)?"
    r"|NITF_IM|GPKG|JP2OPENJPEG|DERIVED_SUBDATASET:[A-Z]+|DIMAP|RASTERLITE|TILEDB|ECRG_TOC_ENTRY|S10[24]|S111"
)
_SPELLED = re.compile(rf"^(?P<driver>{_DRIVERS}):(?P<rest>.+)$", re.IGNORECASE | re.DOTALL)
_QUOTED = re.compile(r'^"(?P<file>[^"]+)"(?::(?P<variable>.*))?$', re.DOTALL)
_FIRST = ("gtiff_dir", "nitf_im")
"""Drivers that name the part before the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subdataset:
    """One part of a file."""

    driver: str
    """In lower case, such as `netcdf`."""
    file: str
    variable: str
    """The part's name without slashes at its start; empty: the whole file."""

    @property
    def label(self) -> str:
        """The part's own name, without the groups that it is in."""
        return self.variable.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a file of several parts holds."""

    driver: str
    """As GDAL calls it, such as `netCDF`."""
    count: int
    """Bands of the file itself."""
    tags: Mapping[str, str]
    """Metadata of the file, keys in lower case."""
    parts: Mapping[str, str]
    """By name what GDAL opens."""


def subdataset_of(path: str) -> Subdataset | None:
    """Return what a path in GDAL's spelling of subdatasets names; None for other paths."""
    found = _SPELLED.match(path)
    if found is None:
        return None
    driver, rest = found["driver"].lower(), found["rest"]
    quoted = _QUOTED.match(rest)
    if quoted:
        file, variable = quoted["file"], quoted["variable"] or ""
    elif driver.startswith(_FIRST):
        variable, _, file = rest.partition(":")
    elif driver.startswith("sentinel2"):
        file, _, variable = rest.partition(".xml:")
        file += ".xml" if variable else ""
    elif driver in {"hdf5", "bag"} and "://" in rest:
        file, _, variable = rest.rpartition("://")
    elif ":" in rest:
        file, _, variable = rest.rpartition(":")
    else:
        file, variable = rest, ""
    return Subdataset(driver=driver, file=file, variable=variable.lstrip("/"))


def spelled(driver: str, file: str, variable: str) -> str:
    """Return one array of a netCDF, HDF5 or Zarr file as GDAL opens it."""
    name = variable.lstrip("/")
    if driver == "hdf5":
        return f'HDF5:"{file}"://{name}'
    return f'{driver.upper()}:"{file}":{name if driver == "netcdf" and "/" not in name else f"/{name}"}'


def contents_of(path: str, driver: str | None = None) -> Contents | None:
    """Return what a file holds, None where GDAL (that driver of it) does not open it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            file = rasterio.open(path, driver=driver)
        with file:
            parts = {}
            for name in file.subdatasets:
                part = subdataset_of(name)
                # rasterio drops the quotes, without which GDAL does not find files at addresses.
                own = part is not None and part.driver in {"netcdf", "hdf5", "zarr"}
                parts[part.variable if part else name] = (
                    spelled(part.driver, part.file, part.variable) if part and own else name
                )
            tags = {key.lower(): value for key, value in file.tags().items()}
            return Contents(driver=file.driver, count=file.count, tags=tags, parts=parts)
    except RasterioIOError:
        return None
