"""Evenly spread blocks of a source at full resolution, for thresholds and statistics."""

from __future__ import annotations

import rasterio

from geoseg.errors import NothingObservedError
from geoseg.grid import sample_windows
from geoseg.pixels import Pixels
from geoseg.scenes import Source
from geoseg.spec.band_names import few_names

SAMPLE_SIZE = 512
SAMPLES = 24
"""Largest number of blocks of `SAMPLE_SIZE`² pixels: up to 6.3 Mpx."""

SAMPLE_CACHE = 32 * 2**20
"""Size of the block cache while sampling, bytes; neighbouring blocks are not read again."""


def sample(
    source: Source, bands: tuple[str, ...], *, size: int = SAMPLE_SIZE, most: int = SAMPLES
) -> list[Pixels]:
    """Read up to `most` evenly spread blocks of `size`² pixels at full resolution; a small scene completely.

    Raises:
        NothingObservedError: no pixel of the blocks is valid.
    """
    windows = sample_windows(source.grid, size=size, most=most)
    with rasterio.Env(GDAL_CACHEMAX=SAMPLE_CACHE):
        blocks = [pixels for window in windows if (pixels := source.read(window, bands)).valid.any()]
    if not blocks:
        raise NothingObservedError(
            f"{source.name}: no pixel of {few_names(bands)} is valid: everything is nodata. "
            "Check the nodata tag, the AOI, and the files of the bands (`--band NAME=PATH`)"
        )
    return blocks
