"""Slope and other terrain quantities as layers: computed on the grid of the elevation, then resampled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from rasterio.windows import Window as RasterWindow

from geoseg.errors import SceneError
from geoseg.files.disk import check_blocks
from geoseg.files.scratch import scratching
from geoseg.grid import Window
from geoseg.methods.terrain_shape import MARGIN, QUANTITIES
from geoseg.scenes.layers import COMPUTED, open_raster_layer
from geoseg.scenes.scene import Scene

ROWS = 512
"""Rows that are computed at once."""


def open_terrain(heights: Path | str, quantity: str, name: str, folder: Path) -> Scene:
    """Open a quantity of `geoseg.methods.terrain_shape.QUANTITIES` as a layer.

    It is computed strip by strip into a file, on the grid of the elevation, with pixel sizes in metres.

    Args:
        heights: a raster of elevation in m.
        quantity: such as `slope`.
        name: of the layer's band.
        folder: for the file, until the layer is closed.

    Raises:
        SceneReadError: the elevation cannot be read.
        SceneError: the elevation has no CRS, so the pixel size in metres is not known.
        OutputError: the disk of `folder` is full.
    """
    target = folder / f"{name.replace(':', '-')}.tif"
    with open_raster_layer(heights, "heights", categorical=False) as layer:
        grid = layer.grid
        if grid.crs is None:
            raise SceneError(
                f"{heights}: has no CRS, so {quantity} cannot be computed (the pixel size in metres is not "
                "known); assign a CRS (`gdal_edit.py -a_srs`)"
            )
        with scratching(folder):
            file = rasterio.open(target, "w", **grid.geotiff(), **COMPUTED)
        with file:
            for row in range(0, grid.height, ROWS):
                rows = min(ROWS, grid.height - row)
                window = Window(row=row, col=0, height=rows, width=grid.width)
                pixels = layer.read(window.pad(MARGIN), ("heights",)).physical()[0]
                values = QUANTITIES[quantity](pixels.astype(np.float64), grid.pixel_size_m)
                inner = values[MARGIN:-MARGIN, MARGIN:-MARGIN].astype(np.float32)
                with scratching(folder):
                    file.write(inner, 1, window=RasterWindow(0, row, grid.width, rows))
        with scratching(folder):
            check_blocks(target)
    return open_raster_layer(target, name, categorical=False)
