"""What a failure to write a file is told as."""

from __future__ import annotations

import errno
import math
import re
import shutil
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import pyogrio.errors
import rasterio
import rasterio.errors
from rasterio._err import CPLE_BaseError
from rasterio.enums import MaskFlags

from geoseg.errors import GeosegError, OutputError

NO_SPACE = 2**20
"""Free bytes below which a failure does come from a full disk."""
LOW_SPACE = 256 * 2**20
"""Free bytes below which a failure is likely to come from a full disk."""

FAILURES: tuple[type[Exception], ...] = (
    OSError,
    sqlite3.Error,
    rasterio.errors.RasterioError,
    CPLE_BaseError,
    pyogrio.errors.DataSourceError,
    pyogrio.errors.DataLayerError,
)
"""How GDAL, SQLite and Python say that writing failed."""

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def explain(path: Path, error: Exception) -> OutputError:
    """Say in one line why writing `path` failed and what to do."""
    folder = path.resolve().parent
    text = re.sub(r"/\.[^/ ]*\.partial\b", "", " ".join(str(error).split()))
    if is_full(folder, error):
        return OutputError(f"{path}: the disk of {folder} is full; free some space or write elsewhere")
    if isinstance(error, OSError) and error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
        return OutputError(f"{path}: the folder {folder} is read-only for this user; write elsewhere")
    # GDAL does not always pass the reason on.
    free = free_bytes(folder)
    hint = f"; only {free / 2**20:.1f} MiB are free in {folder}" if free < LOW_SPACE else ""
    return OutputError(f"{path}: cannot be written: {text}{hint}")


def is_full(folder: Path, error: Exception) -> bool:
    """Whether an error, or the space left, says that the disk of a folder is full."""
    code = error.errno if isinstance(error, OSError) else None
    return code in FULL or "disk is full" in str(error) or free_bytes(folder) < NO_SPACE


def free_bytes(folder: Path) -> float:
    """Bytes free; infinite where it cannot be told."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return math.inf


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the failures of GDAL, SQLite and Python into an `OutputError` that names `path`."""
    try:
        yield
    except GeosegError:
        raise
    except FAILURES as error:
        raise explain(path, error) from error


def check_blocks(path: Path) -> None:
    """See that every block of a closed GeoTIFF is in the file, since closing does not tell of a failure.

    Raises:
        OSError: a block is missing or reaches beyond the end of the file.
        RasterioError: it cannot be opened.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path) as file:
            masked = MaskFlags.per_dataset in file.mask_flag_enums[0]
        # The mask of a GeoTIFF is its second directory.
        for name in (str(path), f"GTIFF_DIR:2:{path}") if masked else (str(path),):
            _check_directory(name, path.stat().st_size)


def _check_directory(name: str, size: int) -> None:
    """Raise `OSError` unless all blocks of one directory lie within `size` bytes."""
    with rasterio.open(name) as file:
        for band in file.indexes:
            height, width = file.block_shapes[band - 1]
            for row, col in product(range(-(-file.height // height)), range(-(-file.width // width))):
                begin, length = (
                    file.get_tag_item(f"BLOCK_{what}_{col}_{row}", "TIFF", bidx=band)
                    for what in ("OFFSET", "SIZE")
                )
                if not begin or not length or int(begin) + int(length) > size:
                    raise OSError(errno.ENOSPC, "the file was cut short while it was written")
