"""Which files are netCDF, HDF5 or Zarr, and opening their arrays; the reader is imported only for these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geoseg.scenes.subdatasets import subdataset_of

if TYPE_CHECKING:
    from geoseg.scenes.raster import Raster

SUFFIXES = (".nc", ".nc4", ".cdf", ".h5", ".hdf5", ".he5", ".zarr")
_DRIVERS = {"netcdf", "hdf5", "zarr"}


def is_array(path: str) -> bool:
    """Return whether a path is a netCDF, HDF5 or Zarr file or a part of one, by its text."""
    part = subdataset_of(path)
    return part.driver in _DRIVERS if part else path.rstrip("/").lower().endswith(SUFFIXES)


def open_array(path: str) -> Raster:
    """Open an array of two or three dimensions.

    Raises:
        SceneReadError: the array is missing or damaged, or has other dimensions.
        SceneError: it holds complex values.
    """
    from geoseg.scenes.array_raster import open_array_raster  # noqa: PLC0415 - for arrays only

    return open_array_raster(path)
