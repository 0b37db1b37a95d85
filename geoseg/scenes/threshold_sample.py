"""Evenly spread blocks of a source at full resolution, for thresholds and statistics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
    return list(sampled(source, [bands], size=size, most=most))


def sampled(
    source: Source, groups: Sequence[tuple[str, ...]], *, size: int = SAMPLE_SIZE, most: int = SAMPLES
) -> Iterator[Pixels]:
    """Yield the blocks of `sample` of several groups of bands, group after group of each block.

    Raises:
        NothingObservedError: no pixel of the blocks of a group is valid.
    """
    seen = dict.fromkeys(groups, False)
    for window in sample_windows(source.grid, size=size, most=most):
        for bands in groups:
            with rasterio.Env(GDAL_CACHEMAX=SAMPLE_CACHE):
                pixels = source.read(window, bands)
            if pixels.valid.any():
                seen[bands] = True
                yield pixels
    for bands, observed in seen.items():
        if not observed:
            raise NothingObservedError(
                f"{source.name}: no pixel of {few_names(bands)} is valid: everything is nodata or "
                "masked. Check the nodata tag, the AOI, the mask of clouds (`--clouds none` maps without "
                "it), and the files of the bands (`--band NAME=PATH`)"
            )


def most_sampled(source: Source) -> int:
    """Return the number of pixels in the blocks of `sample`."""
    windows = sample_windows(source.grid, size=SAMPLE_SIZE, most=SAMPLES)
    return sum(window.height * window.width for window in windows)
