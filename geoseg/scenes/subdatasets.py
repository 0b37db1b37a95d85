"""Parse and write GDAL's names of subdatasets, such as `NETCDF:"file.nc":green`."""

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
"""Drivers whose names have the part before the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subdataset:
    """One part of a file."""

    driver: str
    """In lower case, such as `netcdf`."""
    file: str
    variable: str
    """Name of the part without leading slashes; empty: the whole file."""

    @property
    def label(self) -> str:
        """Name of the part without its groups."""
        return self.variable.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Contents of a file of several parts."""

    driver: str
    """GDAL's name of the driver, such as `netCDF`."""
    count: int
    """Number of bands of the file itself."""
    tags: Mapping[str, str]
    """Metadata of the file, keys in lower case."""
    parts: Mapping[str, str]
    """GDAL's name of each part, by the part's own name."""


def subdataset_of(path: str) -> Subdataset | None:
    """Return the subdataset that a path names; None for other paths."""
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
    """Return GDAL's name of one array of a netCDF, HDF5 or Zarr file."""
    name = variable.lstrip("/")
    if driver == "hdf5":
        return f'HDF5:"{file}"://{name}'
    return f'{driver.upper()}:"{file}":{name if driver == "netcdf" and "/" not in name else f"/{name}"}'


def contents_of(path: str, driver: str | None = None) -> Contents | None:
    """Return the contents of a file; None if GDAL (or that driver of it) does not open it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            file = rasterio.open(path, driver=driver)
        with file:
            parts = {}
            for name in file.subdatasets:
                part = subdataset_of(name)
                # rasterio drops the quotes, without which GDAL does not find files at addresses.
                if part is not None and part.driver in {"netcdf", "hdf5", "zarr"}:
                    name = spelled(part.driver, part.file, part.variable)  # noqa: PLW2901
                parts[part.variable if part else name] = name
            tags = {key.lower(): value for key, value in file.tags().items()}
            return Contents(driver=file.driver, count=file.count, tags=tags, parts=parts)
    except RasterioIOError:
        return None
