"""The CRS of arrays that name none themselves: what stands beside them in the file or Zarr store."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import JsonValue
from pyproj import CRS
from pyproj.exceptions import CRSError

from geoseg.scenes.paths import is_local
from geoseg.scenes.subdatasets import contents_of, subdataset_of

Table = dict[str, JsonValue]

_MAPPINGS = ("spatial_ref", "crs", "projection")
"""What variables that hold a CRS are called."""

_KEYS = ("proj:epsg", "proj:code", "proj:wkt2", "crs_wkt", "spatial_ref", "horizontal_CRS_code", "epsg_code")
"""Attributes that hold one: of STAC's projection extension, of CF, of EOPF products."""


def told_crs(path: str) -> tuple[CRS, str] | None:
    """Return the CRS that a file tells beside an array, and where, for people; None where it tells none.

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
            found = json.loads((folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        table = _table(found)
        return _table(table.get("attributes")) if inside else table
    return {}


def _in_store(store: Path, variable: str) -> Iterator[tuple[CRS, str]]:
    """Yield what the array, a variable beside it, and the store as a whole tell."""
    array = store / variable
    own = attributes(array)
    group = array.parent if variable else store
    named = str(own.get("grid_mapping") or "")
    places: list[tuple[Table, str]] = [(own, "of their attributes")]
    places += [(attributes(group / name), f"of {name} beside them") for name in (named, *_MAPPINGS) if name]
    whole = attributes(store)
    places += [
        (_table(_table(whole.get("stac_discovery")).get("properties")), "of the store's metadata"),
        (_table(whole.get("other_metadata")), "of the store's metadata"),
        (whole, "of the store's attributes"),
    ]
    for table, where in places:
        crs = _crs(table)
        if crs is not None:
            yield crs, where


def _in_hdf5(file: str) -> tuple[CRS, str] | None:
    """Return the one CRS that variables of a netCDF-4 or HDF5 file hold."""
    contents = contents_of(file, driver="HDF5")
    if contents is None:
        return None
    found = {
        text: key.removesuffix("_crs_wkt")
        for key, text in contents.tags.items()
        if key.endswith("_crs_wkt") and _crs({"crs_wkt": text}) is not None
    }
    if len(found) != 1:
        return None
    text, variable = next(iter(found.items()))
    crs = _crs({"crs_wkt": text})
    return None if crs is None else (crs, f"of {variable} beside them")


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
