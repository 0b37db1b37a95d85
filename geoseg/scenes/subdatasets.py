"""Parse and write GDAL's names of subdatasets, such as `NETCDF:"file.nc":green`."""

from __future__ import annotations

import re
from dataclasses import dataclass

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
