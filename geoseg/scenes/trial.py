"""Trial of HDF5, netCDF and HDF4 files in a process of its own.

The libraries of these formats end the process (SIGSEGV, SIGABRT) on some damaged files, where those of other
formats report an error. A file is therefore opened and read by a process of its own first.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from geoseg.errors import SceneReadError
from geoseg.files.inputs import local_files

_STARTS = (b"\x89HDF\r\n\x1a\n", b"CDF\x01", b"CDF\x02", b"CDF\x05", b"\x0e\x03\x13\x01")
"""First bytes of HDF5, netCDF (classic, 64-bit offset, CDF-5) and HDF4 files."""

_USER_BLOCKS = (0, 512, 1024, 2048)
"""Where an HDF5 file may start: the format allows a user block of these sizes and greater powers of two."""

PATIENCE_S = 30
"""Seconds for a trial. Files of several GB take less than five; a library that loops takes forever."""

_WHOLE = 32 * 2**20
"""Bytes of a file up to which all its pixels are read, not one pixel of each array."""

_DEEPEST = 64
"""Groups within each other; products have up to five. The libraries need seconds for each open of a file with
a thousand, and geoseg opens a file many times."""

_MOST_OPENED = 2 * 2**30
"""Bytes that opening a file may take, before pixels are read: twenty times those of a small file. The netCDF
library follows groups that hold themselves until the memory of the machine ends. Limited on Linux only."""

_TOO_DEEP = 3
_NO_END = 4
"""Exit codes of the trial."""

_PROGRAM = """
import sys, warnings, rasterio
from geoseg.files.process_memory import peak_mib
warnings.simplefilter("ignore")
path, whole = sys.argv[1], sys.argv[2] == "1"
deepest, most, too_deep, no_end = map(int, sys.argv[3:])
if sys.platform.startswith("linux"):
    import resource
    with open("/proc/self/statm") as file:
        mapped = int(file.read().split()[0]) * resource.getpagesize()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    room = min([mapped + most, *(limit for limit in limits if limit >= 0)])
    resource.setrlimit(resource.RLIMIT_AS, (room, limits[1]))
    try:
        rasterio.open(path).close()
    except Exception:
        pass
    if peak_mib() * 2**20 > most / 2:
        sys.exit(no_end)
    resource.setrlimit(resource.RLIMIT_AS, limits)
waiting, seen = [(path, {}), (path, {"driver": "HDF5"})], 0
while waiting and seen < 300:
    seen += 1
    name, options = waiting.pop(0)
    try:
        with rasterio.open(name, **options) as file:
            parts = file.subdatasets if name == path else []
            if any(part.count("/") - path.count("/") > deepest for part in parts):
                sys.exit(too_deep)
            waiting += [(part, {}) for part in parts]
            file.tags(), file.crs, file.transform, file.files
            small = file.width * file.height * file.count < 1e8
            if file.count:
                file.tags(1)
                file.read(window=None if whole and small else ((0, 1), (0, 1)), indexes=None if small else 1)
    except Exception:
        pass
"""
"""Opens a file and its arrays, by the drivers that geoseg uses. Exceptions mean nothing here: they occur
again where they are reported."""


def try_file(name: str) -> None:
    """Open and read a file of a format whose library may end the process, in another process.

    Args:
        name: as GDAL opens it; files at addresses and in archives are not tried.

    Raises:
        SceneReadError: the library crashes on the file, or does not finish.
    """
    if name.startswith("/vsi"):
        return
    for path in map(Path, local_files(name)):
        if path.is_file() and _may_crash(path):
            status = path.stat()
            _try(str(path), status.st_size, status.st_mtime_ns)


def _may_crash(path: Path) -> bool:
    """Return whether a file is in one of the formats, by its first bytes."""
    with path.open("rb") as file:
        for start in _USER_BLOCKS:
            file.seek(start)
            head = file.read(8)
            if head.startswith(_STARTS if start == 0 else _STARTS[:1]):
                return True
    return False


@lru_cache(maxsize=256)
def _try(path: str, size: int, changed: int) -> None:  # noqa: ARG001 - a file that changed is tried again
    """Try one file, once for each state of it."""
    words = (int(size < _WHOLE), _DEEPEST, _MOST_OPENED, _TOO_DEEP, _NO_END)
    command = [sys.executable, "-P", "-c", _PROGRAM, path, *map(str, words)]
    nowhere = subprocess.DEVNULL
    # Modules that this process finds by a changed sys.path, the other one finds too.
    places = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    try:
        done = subprocess.run(  # noqa: S603 - geoseg's own program
            command,
            stdin=nowhere,
            stdout=nowhere,
            stderr=nowhere,
            timeout=PATIENCE_S,
            check=False,
            env=places,
        )
    except subprocess.TimeoutExpired:
        raise SceneReadError(
            f"{path} is damaged: its library does not finish reading it; download it again"
        ) from None
    if done.returncode == _TOO_DEEP:
        raise SceneReadError(
            f"{path}: its groups are nested deeper than {_DEEPEST}, which no product does; rewrite it flat"
        )
    if done.returncode == _NO_END:
        raise SceneReadError(f"{path}: opening it takes memory without end: do its groups hold themselves?")
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise SceneReadError(f"{path} is damaged: its library crashes on it ({name}); download it again")
