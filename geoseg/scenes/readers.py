"""Open a raster file with the reader of its product; readers are imported when they are needed."""

from __future__ import annotations

from geoseg.scenes.arrays import is_array, open_array
from geoseg.scenes.raster import Raster

SPECTROMETER_SUFFIXES = (".nc", ".he5", ".h5", ".hdf5")
"""Suffixes of files that may be products of EMIT or PRISMA."""


def open_raster(path: str) -> Raster:
    """Open any raster file; swaths of EMIT and PRISMA are opened on a map grid.

    Raises:
        SceneReadError: the file is missing, damaged or not a raster that GDAL reads.
        SceneError: it holds complex values.
    """
    if path.lower().endswith(SPECTROMETER_SUFFIXES):
        from geoseg.scenes import emit, prisma  # noqa: PLC0415 - for their files only

        if emit.is_granule(path):
            return emit.EmitGranule(path)
        if prisma.is_prisma(path):
            from geoseg.scenes.prisma_raster import open_prisma  # noqa: PLC0415

            return open_prisma(path)
    return open_array(path) if is_array(path) else Raster(path)
