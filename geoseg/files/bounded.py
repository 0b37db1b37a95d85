"""Reads of files that others made, within ceilings: regular files of bounded size, trees of bounded depth."""

from __future__ import annotations

import codecs
import json
import os
import stat
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from geoseg.errors import SceneReadError
from geoseg.files.network import TEXT_BYTES, plain

JSON_DEPTH = 200
"""Most levels of a JSON text; a STAC item has about ten. Python's parser fails at about a thousand."""


_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks and their encodings; that of UTF-32 begins as that of UTF-16 does."""

_DESCRIPTIONS = (".txt", ".xml", ".imd", ".rpb", ".pvl")
"""Suffixes of descriptions that GDAL looks for by rules of a product, as `DIM_*.XML` beside `IMG_*.TIF`."""

LABEL_LENGTH = 2_000
"""Most characters of the name of a class or band; longer ones are damage, on which patterns take minutes."""


def check_label(text: str, what: str) -> None:
    """Check the length of the name of a class or band.

    Args:
        text: the name.
        what: place and kind of the name, for the message.

    Raises:
        SceneReadError: it has more than `LABEL_LENGTH` characters.
    """
    if len(text) > LABEL_LENGTH:
        raise SceneReadError(f"{what} has {len(text):,} characters; at most {LABEL_LENGTH:,} are read")


def check_regular(path: Path | str) -> None:
    """Check that a path is not a pipe, device or socket, which may give bytes without end, or none.

    Raises:
        SceneReadError: it is one. A path of nothing is accepted: opening it gives the better error.
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise SceneReadError(
            f"{plain(path)} is a pipe, a device or a socket, not a file; write its contents to a file first"
        )


def check_beside(path: Path | str) -> None:
    """Check the files beside a file that GDAL and SQLite open without being asked, as `check_regular`.

    These are all whose names begin as that of the file (headers, `.aux.xml`, `.ovr`, world files, `-wal`),
    and descriptions of products, whose names differ.

    Raises:
        SceneReadError: one is a pipe, a device or a socket.
    """
    folder, name = os.path.split(os.path.abspath(path))
    stem = (name.rpartition(".")[0] or name).lower()
    for other in _irregular(folder):
        lower = other.lower()
        if lower.endswith(_DESCRIPTIONS) or (
            lower.startswith(stem) and lower != name.lower() and not lower[len(stem) :][:1].isalnum()
        ):
            check_regular(os.path.join(folder, other))


def check_within(folder: Path | str, *, deep: bool) -> None:
    """Check the files in a folder that is read as one dataset, as `check_regular`.

    Args:
        folder: of the dataset.
        deep: whether files in its subfolders are part of it, as in a Zarr store.

    Raises:
        SceneReadError: one is a pipe, a device or a socket.
    """
    seen: set[tuple[int, int]] = set()
    waiting = [os.fspath(folder)]
    while waiting:
        place = waiting.pop()
        try:
            status = os.stat(place)
            # Links to folders may lead back.
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(place) as found:
                entries = [item for item in found if not item.is_file(follow_symlinks=False)]
        except OSError:
            continue  # opening it gives the better error
        for item in entries:
            check_regular(item.path)
            if deep and item.is_dir():
                waiting.append(item.path)


def _irregular(folder: str) -> tuple[str, ...]:
    """Return the names of pipes, devices and sockets in a folder, and of links to such."""
    try:
        changed = os.stat(folder).st_mtime_ns
    except OSError:
        return ()
    return _irregular_at(folder, changed)


@lru_cache(maxsize=256)
def _irregular_at(folder: str, _: int) -> tuple[str, ...]:
    """Return what `_irregular` does, once for each state of a folder: it may hold many scenes."""
    try:
        with os.scandir(folder) as found:
            others = [item.name for item in found if not item.is_file() and not item.is_dir()]
    except OSError:
        return ()
    return tuple(name for name in others if os.path.exists(os.path.join(folder, name)))


def read_bytes(path: Path | str, most: int = TEXT_BYTES) -> bytes:
    """Return the content of a file.

    Raises:
        SceneReadError: it is not a regular file, or has more than `most` bytes.
        OSError: it cannot be read.
    """
    check_regular(path)
    with Path(path).open("rb") as file:
        return read_part(file, path, most)


def read_text(path: Path | str, most: int = TEXT_BYTES) -> str:
    """Return the text of a file; see `read_bytes` and `decoded`.

    Raises:
        SceneReadError: it is not a regular file, or has more than `most` bytes.
        OSError: it cannot be read.
        UnicodeDecodeError: it is not text of its encoding.
    """
    return decoded(read_bytes(path, most))


def decoded(content: bytes) -> str:
    """Return a text in the encoding of its byte order mark, else UTF-8, without the mark.

    Spreadsheets and editors of Windows write UTF-16, and marks before UTF-8.

    Raises:
        UnicodeDecodeError: it is not of this encoding.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding)
    return content.decode("utf-8-sig")


def read_part(file: IO[bytes], name: Path | str, most: int = TEXT_BYTES) -> bytes:
    """Return the rest of an open file, such as a member of an archive.

    Raises:
        SceneReadError: there are more than `most` bytes.
    """
    content = file.read(most + 1)
    if len(content) > most:
        raise SceneReadError(
            f"{plain(name)} has more than {most / 2**20:g} MiB, the limit for such a file; check the file"
        )
    return content


def parse_json(text: str | bytes, name: Path | str) -> Any:
    """Return the value of a JSON text.

    Raises:
        SceneReadError: it is nested more than `JSON_DEPTH` levels deep, or has a number that is too long.
        ValueError: it is not JSON.
    """
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise _too_deep(name) from error
    except json.JSONDecodeError:
        raise
    except UnicodeDecodeError:
        raise
    except ValueError as error:
        # Python converts no integers of more than 4,300 digits.
        raise SceneReadError(
            f"{plain(name)}: has a number of more than 4,300 digits; check the file"
        ) from error
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > JSON_DEPTH:
            raise _too_deep(name)
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
    return value


def _too_deep(name: Path | str) -> SceneReadError:
    return SceneReadError(f"{plain(name)}: is nested more than {JSON_DEPTH} levels deep; check the file")
