"""Blocks of a source at full resolution, spread evenly: what thresholds and statistics are found from."""

from __future__ import annotations

import rasterio

from geoseg.errors import SceneError
from geoseg.grid import sample_windows
from geoseg.pixels import Pixels
from geoseg.scenes import Source

SAMPLE_SIZE = 512
SAMPLES = 24
"""Blocks of `SAMPLE_SIZE`² pixels that are read at most: up to 6.3 Mpx."""

SAMPLE_CACHE = 32 * 2**20
"""Bytes of decoded blocks kept while sampling: neighbouring blocks are not wanted again."""


def sample(
    source: Source, bands: tuple[str, ...], *, size: int = SAMPLE_SIZE, most: int = SAMPLES
) -> list[Pixels]:
    """Read up to `most` evenly spread blocks of `size`² pixels at full resolution; all of a small scene.

    Raises:
        SceneError: no pixel was observed in any of them, nor in the scene.
    """
    windows = sample_windows(source.grid, size=size, most=most)
    with rasterio.Env(GDAL_CACHEMAX=SAMPLE_CACHE):
        blocks = [pixels for window in windows if (pixels := source.read(window, bands)).valid.any()]
    if not blocks:
        raise SceneError(
            f"{source.name}: no pixel of {', '.join(bands)} is valid: everything is nodata. "
            "Check the nodata tag, the AOI, and which file is which band (--band NAME=PATH)"
        )
    return blocks
