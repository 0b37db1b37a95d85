"""Rasters of a map as xarray arrays."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from geoseg.errors import RuntimeMissingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray

    from geoseg.run_record import ClassTotal


def rioxarray() -> ModuleType:
    """Import `rioxarray`, which adds the accessor `.rio` to arrays.

    Raises:
        RuntimeMissingError: it is not installed.
    """
    try:
        import rioxarray as module  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise RuntimeMissingError(
            "arrays of xarray need the package rioxarray; install it: pip install 'geoseg[xarray]'"
        ) from error
    return module


def read_classes(path: Path, classes: Sequence[ClassTotal]) -> xarray.DataArray:
    """Return a class raster as an array (y, x) of integers; attributes hold values and labels by CF."""
    array: xarray.DataArray = rioxarray().open_rasterio(path).squeeze("band", drop=True).load()
    array.attrs["flag_values"] = [item.value for item in classes]
    array.attrs["flag_meanings"] = " ".join(item.label.replace(" ", "_") for item in classes)
    return array.rename("class")


def read_floats(path: Path, name: str) -> xarray.DataArray:
    """Return a raster as physical values, (band, y, x) float32; NaN where nothing was observed."""
    array: xarray.DataArray = rioxarray().open_rasterio(path, mask_and_scale=True).load().astype("float32")
    return array.rename(name)
