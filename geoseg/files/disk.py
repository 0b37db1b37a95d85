"""Messages of failures to write a file, and the check of a finished GeoTIFF."""

from __future__ import annotations

import errno
import math
import re
import shutil
import sqlite3
import sys
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import product
from pathlib import Path

import rasterio
import rasterio.errors
from rasterio._err import CPLE_BaseError
from rasterio.enums import MaskFlags

from geoseg.errors import GeosegError, OutputError
from geoseg.files.machine import FULL
from geoseg.files.store_path import folder_beside

NO_SPACE = 2**20
"""Free bytes below which a full disk is the cause of a failure."""
LOW_SPACE = 256 * 2**20
"""Free bytes below which a full disk is a likely cause of a failure."""


def failures() -> tuple[type[Exception], ...]:
    """Return the exceptions of GDAL, SQLite and Python when writing fails."""
    known = (OSError, sqlite3.Error, rasterio.errors.RasterioError, CPLE_BaseError)
    # Only who has imported pyogrio can meet its exceptions.
    library = sys.modules.get("pyogrio.errors")
    return known if library is None else (*known, library.DataSourceError, library.DataLayerError)


def explain(path: Path, error: Exception) -> OutputError:
    """Return an error that states in one line why writing `path` failed and what to do."""
    folder = folder_beside(path)
    text = re.sub(r"/\.[^/ ]*\.partial\b", "", " ".join(str(error).split()))
    if is_full(folder, error):
        return OutputError(f"{path}: the disk of {folder} is full; free some space or write elsewhere")
    if is_refused(error):
        return OutputError(f"{path}: the folder {folder} is read-only for this user; write elsewhere")
    # GDAL does not always report the cause.
    free = free_bytes(folder)
    hint = f"; only {free / 2**20:.1f} MiB are free in {folder}" if free < LOW_SPACE else ""
    return OutputError(f"{path}: cannot be written: {text}{hint}; write elsewhere")


def existing(folder: Path) -> Path:
    """Return a folder, else the nearest above it that exists."""
    return next(part for part in (folder, *folder.resolve().parents) if part.exists())


def is_full(folder: Path, error: Exception) -> bool:
    """Return whether the disk of a folder is full, by the error or by the free space."""
    code = error.errno if isinstance(error, OSError) else None
    return code in FULL or "disk is full" in str(error) or free_bytes(folder) < NO_SPACE


def is_refused(error: Exception) -> bool:
    """Return whether the user may not write."""
    return isinstance(error, OSError) and error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}


def free_bytes(folder: Path) -> float:
    """Return the free bytes; infinite where they are not known."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return math.inf
    # File systems of the kernel, such as /proc, have no bytes at all.
    return usage.free if usage.total else math.inf


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Convert exceptions of GDAL, SQLite and Python to an `OutputError` that names `path`."""
    try:
        yield
    except GeosegError:
        raise
    except failures() as error:
        raise explain(path, error) from error


def check_blocks(path: Path) -> None:
    """Check that every block of a closed GeoTIFF is in the file, since closing does not report failures.

    Raises:
        OSError: a block is missing or reaches beyond the end of the file.
        RasterioError: the file cannot be opened.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path) as file:
            masked = MaskFlags.per_dataset in file.mask_flag_enums[0]
        # The mask of a GeoTIFF is its second directory.
        for name in (str(path), f"GTIFF_DIR:2:{path}") if masked else (str(path),):
            _check_directory(name, path.stat().st_size)


def check_database(path: Path) -> None:
    """Check that GDAL wrote a GeoPackage to its end, since closing does not report failures.

    Raises:
        OSError: its pages do not fit together, or extents and numbers of rows are wrong, which come last.
        sqlite3.Error: it cannot be read.
    """
    missing = "SELECT 1 FROM gpkg_contents WHERE data_type = 'features' AND min_x IS NULL"
    with closing(sqlite3.connect(path)) as file:
        whole = file.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",)
        counts = file.execute("SELECT table_name, feature_count FROM gpkg_ogr_contents").fetchall()
        sizes = [file.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name, _ in counts]  # noqa: S608
        if not whole or sizes != [count for _, count in counts] or file.execute(missing).fetchone():
            raise OSError(errno.ENOSPC, "the file was not written to its end")


def _check_directory(name: str, size: int) -> None:
    """Raise `OSError` if a block of a directory does not lie within `size` bytes."""
    with rasterio.open(name) as file:
        for band in file.indexes:
            height, width = file.block_shapes[band - 1]
            for row, col in product(range(-(-file.height // height)), range(-(-file.width // width))):
                begin, length = (
                    file.get_tag_item(f"BLOCK_{what}_{col}_{row}", "TIFF", bidx=band)
                    for what in ("OFFSET", "SIZE")
                )
                if not begin or not length or int(begin) + int(length) > size:
                    raise OSError(errno.ENOSPC, "the file was truncated while it was written")
