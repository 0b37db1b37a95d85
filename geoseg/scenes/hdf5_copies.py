"""Local copies of HDF5 files in archives and at addresses.

The HDF5 library follows names in such a file to files of this machine, whatever the file system of GDAL that
reads it. A file is searched for such names as a whole (`hdf5_references`), and read from the bytes that were
searched: a server may answer differently the next time.
"""

from __future__ import annotations

import gzip
import logging
import re
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from rasterio._err import CPLE_BaseError
from rasterio.env import ensure_env_with_credentials
from rasterio.errors import RasterioError
from rasterio.shutil import copyfiles

from geoseg.errors import SceneReadError
from geoseg.files.disk import is_full
from geoseg.files.network import needs_network, plain, shown
from geoseg.files.scratch import lasting_folder, scratching
from geoseg.messages import note
from geoseg.scenes.hdf5_references import check_hdf5
from geoseg.scenes.subdatasets import spelled, subdataset_of

LOG = logging.getLogger(__name__)

DRIVERS = frozenset({"HDF5", "HDF5Image", "netCDF", "BAG", "S102", "S104", "S111", "KEA"})
"""GDAL's drivers whose files may be HDF5."""

_PART = re.compile(r"/vsisubfile/(\d+)_(\d+),(/vsigzip/)?(/.+)")
"""A member of a tar archive, as `geoseg.scenes.tar` names it."""


def local_copy(name: str) -> str:
    """Return GDAL's name of an HDF5 file, or part of one, in a copy on this machine.

    Args:
        name: as GDAL opens it in an archive or at an address.

    Raises:
        SceneReadError: the file takes values from other files, or cannot be copied.
        OutputError: the folder for temporary files is full.
    """
    part = subdataset_of(name)
    copy = _copied(name if part is None else part.file)
    return str(copy) if part is None else spelled(part.driver, str(copy), part.variable)


@lru_cache(maxsize=256)
def _copied(file: str) -> Path:
    """Return a checked copy of a file, once for each name."""
    folder = lasting_folder()
    found = _PART.fullmatch(file)
    copy = folder / plain(file.rpartition("/")[2].partition("?")[0] or "file")
    if needs_network(file):
        note(LOG, f"{shown(file)}: HDF5 files at addresses are copied to {folder.parent} first")
    try:
        if found is None:
            _copy(file, str(copy))
        else:
            unpacked: Any = gzip.open if found[3] else open
            with scratching(folder), unpacked(found[4], "rb") as source, copy.open("wb") as target:
                source.seek(int(found[1]))
                _copy_bytes(source, target, int(found[2]))
    except (CPLE_BaseError, RasterioError) as error:
        with scratching(folder):
            if is_full(folder, error):
                raise
        raise SceneReadError(
            f"{shown(file)} cannot be copied to this machine ({plain(error)}); download or unpack it first"
        ) from error
    check_hdf5(copy, name=shown(file))
    return copy


def _copy_bytes(source: IO[bytes], target: IO[bytes], count: int) -> None:
    """Copy a number of bytes."""
    while count and (block := source.read(min(count, 2**20))):
        target.write(block)
        count -= len(block)


# As rasterio.open does, for credentials of object stores.
@ensure_env_with_credentials  # type: ignore[untyped-decorator]
def _copy(source: str, target: str) -> None:
    copyfiles(source, target)
