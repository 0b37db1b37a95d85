"""The CRS of arrays without one of their own, from other attributes of the file or Zarr store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import JsonValue
from pyproj import CRS
from pyproj.exceptions import CRSError

from geoseg.errors import SceneReadError
from geoseg.files.bounded import parse_json, read_text
from geoseg.scenes.contents import contents_of
from geoseg.scenes.paths import is_local
from geoseg.scenes.subdatasets import subdataset_of

Table = dict[str, JsonValue]

_MAPPINGS = ("spatial_ref", "crs", "projection")
"""Names of variables that hold a CRS."""

_KEYS = ("proj:epsg", "proj:code", "proj:wkt2", "crs_wkt", "spatial_ref", "horizontal_CRS_code", "epsg_code")
"""Attributes that hold a CRS: of the STAC projection extension, of CF, of EOPF products."""

_ENDS = ("_crs_wkt", "_crs")
"""Ends of GDAL's names of the attributes of HDF5 variables that hold a CRS: of CF, and of stackstac."""


def stored_crs(path: str) -> tuple[CRS, str] | None:
    """Return the CRS in the attributes of an array's file, and where it was found; None: there is none.

    Args:
        path: the array, as GDAL opens it.
    """
    part = subdataset_of(path)
    file, variable = (part.file, part.variable) if part else (path, "")
    if is_local(file) and Path(file).is_dir():
        return next(_in_store(Path(file), variable), None)
    return _in_hdf5(file)


def attributes(folder: Path) -> Table:
    """Return the attributes of a group or array of a local Zarr store, of version 2 or 3."""
    for name, inside in ((".zattrs", False), ("zarr.json", True)):
        try:
            metadata = parse_json(read_text(folder / name), folder / name)
        except SceneReadError:
            raise
        except (OSError, ValueError):
            continue
        table = _table(metadata)
        return _table(table.get("attributes")) if inside else table
    return {}


def _in_store(store: Path, variable: str) -> Iterator[tuple[CRS, str]]:
    """Yield the CRSs of the array, of variables in its group, and of the store."""
    array = store / variable
    array_attributes = attributes(array)
    group = array.parent if variable else store
    named = str(array_attributes.get("grid_mapping") or "")
    places: list[tuple[Table, str]] = [(array_attributes, "of their attributes")]
    places += [(attributes(group / name), f"of {name} in the file") for name in (named, *_MAPPINGS) if name]
    store_attributes = attributes(store)
    places += [
        (_table(_table(store_attributes.get("stac_discovery")).get("properties")), "of the store's metadata"),
        (_table(store_attributes.get("other_metadata")), "of the store's metadata"),
        (store_attributes, "of the store's attributes"),
    ]
    for table, where in places:
        crs = _crs(table)
        if crs is not None:
            yield crs, where


def _in_hdf5(file: str) -> tuple[CRS, str] | None:
    """Return the CRS of the variables of a netCDF-4 or HDF5 file, if they hold exactly one."""
    contents = contents_of(file, driver="HDF5")
    if contents is None:
        return None
    variables = {
        text: key.removesuffix(end)
        for end in _ENDS
        for key, text in contents.tags.items()
        if key.endswith(end) and _crs({"crs_wkt": text}) is not None
    }
    if len(variables) != 1:
        return None
    text, variable = next(iter(variables.items()))
    crs = _crs({"crs_wkt": text})
    return None if crs is None else (crs, f"of {variable} in their file")


def _crs(table: Mapping[str, JsonValue]) -> CRS | None:
    """Return the first CRS among attributes."""
    for key in _KEYS:
        value = table.get(key)
        if value in (None, ""):
            continue
        try:
            return CRS.from_user_input(value)
        except CRSError:
            continue
    return None


def _table(value: JsonValue) -> Table:
    return value if isinstance(value, dict) else {}
