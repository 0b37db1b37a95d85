"""Record the files that a run has opened for reading, so that none of its outputs replaces one of them.

Code that opens a file that the user named, or that such a file names, calls `opened`. Code that writes a file
asks `Inputs`.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from urllib.parse import unquote, urlsplit

from geoseg.files.bounded import check_regular
from geoseg.files.store_path import StorePath, object_path

_REMOTE = re.compile(r"/vsi(curl|s3|gs|az|adls|oss|swift|hdfs|webhdfs|mem|stdin)\w*(/|$)")
_WITHIN = re.compile(r"/vsi[a-z0-9]+(_streaming)?/")
"""Prefix of the path of a file in an archive, or of a file that is read through a filter: `/vsizip/`."""

MOST_COLONS = 12
"""Colons of a name between which paths are looked for."""

FileState = tuple[str, int, int]
"""Path, size in bytes and modification time in nanoseconds of a local file."""

_ZARR = (".zgroup", ".zarray", ".zmetadata", "zarr.json")

_OPENED: ContextVar[dict[str, None] | None] = ContextVar("geoseg_opened", default=None)


_OBSERVED: ContextVar[dict[str, None] | None] = ContextVar("geoseg_observed", default=None)


@contextmanager
def observing_inputs() -> Iterator[dict[str, None]]:
    """Collect the files that runs in the block open, also in blocks of `reading_inputs`, in order."""
    found: dict[str, None] = {}
    token = _OBSERVED.set(found)
    try:
        yield found
    finally:
        _OBSERVED.reset(token)


@contextmanager
def reading_inputs() -> Iterator[None]:
    """Record files that are opened in the block as inputs of one run; an enclosing run's inputs are included.

    Runs on several threads have separate records.
    """
    token = _OPENED.set(dict(_OPENED.get() or {}))
    try:
        yield
    finally:
        _OPENED.reset(token)


def opened(name: str | Path) -> None:
    """Record that a file or folder is read.

    Args:
        name: a path or another name that GDAL opens: a file in an archive, a subdataset, a URL.

    Raises:
        SceneReadError: it is a pipe, a device or a socket.
    """
    files = local_files(str(name))
    for file in files:
        check_regular(file)
    if item := object_path(name):
        files = [item.gdal_path]
    inputs = _OPENED.get()
    if inputs is not None:
        inputs.update(dict.fromkeys(files))
    observed = _OBSERVED.get()
    if observed is not None:
        observed.update(dict.fromkeys(files))


def opened_files() -> tuple[str, ...]:
    """Return the files and folders that the run has opened so far."""
    return tuple(_OPENED.get() or ())


def not_an_input(name: str | Path) -> None:
    """Remove a file from the record: it was opened for recognition and is not read by the run."""
    item = object_path(name)
    for path in [item.gdal_path] if item else local_files(str(name)):
        (_OPENED.get() or {}).pop(path, None)


class Inputs:
    """The inputs of a run up to now, for comparison with the paths of many outputs."""

    def __init__(self, further: Collection[str] = ()) -> None:
        """Take the files that were opened; `further`: names of others that will be."""
        names = dict.fromkeys(
            [*(_OPENED.get() or ()), *(file for name in further for file in local_files(name))]
        )
        self._names = (*names, *further)
        self._by_identity: dict[tuple[int, int] | None, Path] = {}
        self._by_path: dict[Path, Path] = {}
        for item in map(Path, names):
            self._by_identity.setdefault(_identity(item), item)
            self._by_path.setdefault(item.resolve(), item)

    def at(self, path: Path) -> Path | None:
        """Return the input that is the same file as a path, by this or another name, or a link of any kind.

        Args:
            path: of an output. A path in a folder that was opened as one dataset is part of that input.
        """
        if isinstance(path, StorePath):
            return next((path for name in self._names if object_path(name) == path), None)
        target = _identity(path)
        if target is not None and target in self._by_identity:
            return self._by_identity[target]
        around = (self._by_path.get(part) for part in path.resolve().parents)
        return next((item for item in around if item is not None and is_dataset(item)), None)


def _identity(path: Path) -> tuple[int, int] | None:
    """Return device and inode of the file at a path; None: there is no file."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def local_files(name: str) -> list[str]:
    """Return the absolute paths of the local files that a GDAL name refers to.

    For `/vsizip/DIR/FILE.zip/INNER` that is the archive; for `NETCDF:"FILE":VARIABLE` the file.
    """
    if name.startswith("file://"):
        return local_files(unquote(urlsplit(name).path))
    if _REMOTE.match(name) or (re.match(r"[a-z][a-z0-9+.-]+://", name) and not name.startswith("vrt://")):
        return []
    try:
        exists = os.path.exists(name)
    except ValueError:
        # A name that no file can have, such as one with a null character.
        exists = False
    if exists:
        return [os.path.abspath(name)]
    if within := _WITHIN.match(name):
        return _archive(name[within.end() :])
    # Subdatasets and connection strings: the parts that are files. A quoted part is a path as it is.
    text = name.removeprefix("vrt://")
    quoted = re.findall(r"\"([^\"]+)\"", text)
    parts = [part for part in re.split(r"[\"'?,]|(?<=[A-Za-z0-9_]):", text) if part and part != name]
    parts += [*quoted, *_between_colons(text)]
    paths = (path for part in parts for path in local_files(part))
    return [path for path in dict.fromkeys(paths) if os.path.isfile(path) or is_dataset(Path(path))]


def state_of(path: str) -> FileState | None:
    """Return path, size and modification time of a file; None: it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return path, found.st_size, found.st_mtime_ns


def _between_colons(text: str) -> list[str]:
    """Return the parts of a name between any two of its colons that are files: a path may hold colons."""
    words = text.split(":")
    ends = itertools.combinations(range(min(len(words), MOST_COLONS) + 1), 2)
    found = (":".join(words[start:stop]) for start, stop in ends)
    return [part for part in found if part and part != text and os.path.isfile(part)]


def _archive(name: str) -> list[str]:
    """Return the archive in the path of a file in an archive."""
    inner = re.match(r"\{(.*?)\}", name)
    path = inner[1] if inner else re.sub(r"^[-\w]+,", "", name)
    if _WITHIN.match(path):
        return local_files(path)
    archive = next((str(part) for part in (Path(path), *Path(path).parents) if part.is_file()), None)
    return [] if archive is None else [os.path.abspath(archive)]


def is_dataset(folder: Path) -> bool:
    """Return whether a folder is one dataset: a Zarr store or a file geodatabase."""
    return folder.is_dir() and (
        folder.suffix.lower() in {".zarr", ".gdb"} or any((folder / name).exists() for name in _ZARR)
    )
