"""Which files a run has opened to read, so that none of its outputs replaces one of them.

Whoever opens a file that the user named, or that such a file names, calls `opened`.
Who writes asks `input_at`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from urllib.parse import unquote, urlsplit

_REMOTE = re.compile(r"/vsi(curl|s3|gs|az|adls|oss|swift|hdfs|webhdfs|mem|stdin)\w*(/|$)")
_WITHIN = re.compile(r"/vsi[a-z0-9]+(_streaming)?/")
"""Begins the path of a file within an archive, or of one that is read through a filter: `/vsizip/`."""

_ZARR = (".zgroup", ".zarray", ".zmetadata", "zarr.json")

_OPENED: ContextVar[dict[str, None] | None] = ContextVar("geoseg_opened", default=None)


@contextmanager
def reading_inputs() -> Iterator[None]:
    """Keep what is opened within as the inputs of one run, beside those of a run around it.

    Runs on several threads do not see each other's inputs.
    """
    token = _OPENED.set(dict(_OPENED.get() or {}))
    try:
        yield
    finally:
        _OPENED.reset(token)


def opened(name: str | Path) -> None:
    """Note that a file or folder was opened to read.

    Args:
        name: a path, or whatever else GDAL opens: a file within an archive, a subdataset, an address.
    """
    inputs = _OPENED.get()
    if inputs is not None:
        inputs.update(dict.fromkeys(local_files(str(name))))


def not_an_input(name: str | Path) -> None:
    """Forget a file that was opened to see what it is, and is not read by the run."""
    for path in local_files(str(name)):
        (_OPENED.get() or {}).pop(path, None)


def input_at(path: Path, further: Iterable[str] = ()) -> Path | None:
    """Return the input that stands at a path: under this name, another name, or a link of any kind.

    Args:
        path: that is to be written. Within a folder that was opened as a whole, it is part of that input.
        further: names of inputs besides those that were opened.
    """
    inputs = [Path(name) for name in (*(_OPENED.get() or ()), *(f for n in further for f in local_files(n)))]
    target = _identity(path)
    if target is not None:
        for found in inputs:
            if _identity(found) == target:
                return found
    parents = set(path.resolve().parents)
    return next((found for found in inputs if found.resolve() in parents and _is_dataset(found)), None)


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of what a path leads to; None: nothing."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def local_files(name: str) -> list[str]:
    """Return the files of this machine, by absolute path, behind a name as GDAL takes it.

    Of `/vsizip/DIR/FILE.zip/INNER` that is the archive; of `NETCDF:"FILE":VARIABLE` the file.
    """
    if name.startswith("file://"):
        return local_files(unquote(urlsplit(name).path))
    if _REMOTE.match(name) or (re.match(r"[a-z][a-z0-9+.-]+://", name) and not name.startswith("vrt://")):
        return []
    if _exists(name):
        return [os.path.abspath(name)]
    if within := _WITHIN.match(name):
        return _archive(name[within.end() :])
    # Subdatasets and connection strings: the parts that are files.
    text = name.removeprefix("vrt://")
    parts = [part for part in re.split(r"[\"'?,]|(?<=[A-Za-z0-9_]):", text) if part and part != name]
    found = (path for part in parts for path in local_files(part))
    return [path for path in dict.fromkeys(found) if os.path.isfile(path) or _is_dataset(Path(path))]


def _archive(name: str) -> list[str]:
    """Return the file that the path of something within it begins with."""
    inner = re.match(r"\{(.*?)\}", name)
    path = inner[1] if inner else re.sub(r"^[-\w]+,", "", name)
    if _WITHIN.match(path):
        return local_files(path)
    place = Path(path)
    found = next((str(part) for part in (place, *place.parents) if part.is_file()), None)
    return [] if found is None else [os.path.abspath(found)]


def _is_dataset(folder: Path) -> bool:
    """Whether a folder is opened as a whole: a Zarr store or a file geodatabase."""
    return folder.is_dir() and (
        folder.suffix.lower() in {".zarr", ".gdb"} or any((folder / name).exists() for name in _ZARR)
    )


def _exists(name: str) -> bool:
    """Whether something of this name is there; names that no file can have are not."""
    try:
        return os.path.exists(name)
    except ValueError:
        return False
