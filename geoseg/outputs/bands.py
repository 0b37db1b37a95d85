"""Small rasters of several named bands of numbers, written whole as COGs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray

from geoseg.grid import Grid
from geoseg.outputs.beside import Beside, writing
from geoseg.outputs.record import RECORD_TAG
from geoseg.report import RunRecord

BLOCK = 256


def write_bands(
    path: Path,
    bands: NDArray[np.float32],
    names: Sequence[str],
    *,
    grid: Grid,
    record: RunRecord,
    overwrite: bool,
) -> None:
    """Write bands as a float32 COG; NaN, which is its nodata value, is what is not known.

    Args:
        path: where to.
        bands: (K, H, W).
        names: their descriptions.
        grid: of the pixels.
        record: kept in the tag `GEOSEG_RECORD`.
        overwrite: whether an existing file may be replaced.

    Raises:
        OutputError: it exists, or cannot be written; nothing is left behind.
    """
    with Beside([path], overwrite=overwrite) as beside:
        work = beside.path(path, name="bands.work.tif")
        with writing(path):
            with rasterio.open(
                work,
                "w",
                driver="GTiff",
                dtype="float32",
                count=len(bands),
                height=grid.height,
                width=grid.width,
                crs=None if grid.crs is None else grid.crs.to_wkt(),
                transform=grid.transform,
                nodata=float("nan"),
            ) as file:
                file.write(bands)
                file.descriptions = tuple(names)
                file.update_tags(**{RECORD_TAG: record.model_dump_json()})
            rasterio.shutil.copy(
                work, beside.path(path), driver="COG", compress="DEFLATE", predictor="YES", blocksize=BLOCK
            )
            work.unlink()
        beside.commit()
