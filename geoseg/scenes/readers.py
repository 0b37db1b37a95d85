"""Which reader opens a raster file: GDAL alone, or with what a product's layout asks for."""

from __future__ import annotations

from geoseg.scenes import emit, prisma, prisma_raster
from geoseg.scenes.arrays import is_array, open_array
from geoseg.scenes.raster import Raster


def open_raster(path: str) -> Raster:
    """Open any raster file; files in the geometry of the detector on a map grid.

    Raises:
        SceneReadError: it is missing, damaged or no raster that GDAL reads.
        SceneError: it holds complex values.
    """
    if emit.is_granule(path):
        return emit.EmitGranule(path)
    if prisma.is_prisma(path):
        return prisma_raster.open_prisma(path)
    return open_array(path) if is_array(path) else Raster(path)
