"""GeoPackages of others: queries that a file holds are not run, and nothing is written beside a file."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path

from geoseg.errors import SceneReadError
from geoseg.files.inputs import opened
from geoseg.files.network import plain
from geoseg.files.scratch import lasting_folder, link, scratch_folder, scratching_besides_reading
from geoseg.scenes.file_kinds import SQLITE, file_head
from geoseg.scenes.subdatasets import subdataset_of

MOST_TABLES = 20_000
"""Most tables, views, indexes and triggers of a file; a GeoPackage has about ten for a layer."""

_MODULES = frozenset({"rtree", "fts3", "fts4", "fts5"})
"""Modules of virtual tables that read nothing but their own file."""

_TRIES = 5
"""Most copies of a file that another program changes meanwhile."""

_JOURNAL = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
"""First bytes of a journal that is to be rolled back (https://www.sqlite.org/fileformat.html, section 3)."""

_MODES, _WRITE_AHEAD = slice(18, 20), 2
"""Where a file states how it is written and read, and the value for a write-ahead log (section 1.3.3)."""

_VIRTUAL = 2
"""What `PRAGMA table_xinfo` states of a column that is computed when it is read."""


def check_tables(path: Path) -> None:
    """Check that a file has tables only, and no unfinished change.

    A view is a query: it may compute without end, and call functions of GDAL that read other files. GDAL runs
    the views of a file when it lists the layers, not only when it reads them.

    Raises:
        SceneReadError: the file has a view, a column that is computed, or a virtual table of a module that
            may read other files; it is being written; or it is damaged.
    """
    _check_journal(path)
    try:
        with settled(path) if _has_log(path) else nullcontext(path) as place:
            # With a write-ahead log, GDAL reads more than the file; without one, nothing is written there.
            mode = "mode=ro&immutable=1" if place == path else "mode=ro"
            with closing(sqlite3.connect(f"{place.resolve().as_uri()}?{mode}", uri=True)) as file:
                found = next(_queries(file, path), None)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        text = f"{path} is not a GeoPackage that can be read ({plain(error)}); check the file"
        raise SceneReadError(text) from error
    if found is not None:
        name, what = found
        raise SceneReadError(
            f"{path}: {plain(name)} is {what}, and geoseg does not run queries that a file holds; save the "
            f"layer as a table with ogr2ogr"
        )


def _check_journal(path: Path) -> None:
    """Check that there is no rollback journal, without which a half-written file is read.

    The journal is not applied to a copy: it may name a further file, which SQLite removes.

    Raises:
        SceneReadError: there is one.
    """
    journal = path.with_name(f"{path.name}-journal")
    if journal.is_file() and file_head(journal).startswith(_JOURNAL):
        raise SceneReadError(
            f"{path} is being written, or its program ended while it wrote it ({journal.name}); open it "
            "in that program, which completes or undoes the change, and close it there"
        )


def needs_settling(path: Path) -> bool:
    """Return whether SQLite writes beside a file to read it: it has a write-ahead log, or the mode of one."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(_MODES.stop)
    return head.startswith(SQLITE) and (_WRITE_AHEAD in head[_MODES] or _has_log(path))


def _has_log(path: Path) -> bool:
    log = path.with_name(f"{path.name}-wal")
    return path.is_file() and log.is_file() and log.stat().st_size > 0


@contextmanager
def settled(path: Path) -> Iterator[Path]:
    """Yield a copy of a file and its write-ahead log, or the file itself if it needs none.

    SQLite writes beside a file with a log to read it, and GDAL moves the log into the file after reading. A
    file has one while another program, such as QGIS, has it open, and after that program was killed.

    Raises:
        SceneReadError: another program changes the file all the time.
        OutputError: the folder for temporary files is full.
    """
    if not needs_settling(path):
        yield path
        return
    with scratch_folder() as folder:
        yield _copied(path, folder)


def raster_place(name: str) -> str:
    """Return GDAL's name of a raster by which it is read from a folder for temporary files.

    GDAL writes statistics of a raster of a GeoPackage beside it when it closes it. There, a GeoPackage is a
    link, or a copy as that of `settled`, until the program ends.

    Args:
        name: as GDAL opens it: a file on this machine, or a part of one; names of other files are returned.

    Raises:
        SceneReadError: as `settled`.
        OutputError: as `settled`.
    """
    part = subdataset_of(name)
    file = Path(name if part is None else part.file)
    if not (file.is_file() and file_head(file).startswith(SQLITE)):
        return name
    opened(file)
    place = str(_lasting(file.absolute(), _state(file), _state(file.with_name(f"{file.name}-wal"))))
    return place if part is None else name.replace(part.file, place)


@lru_cache(maxsize=256)
def _lasting(path: Path, *_: tuple[int, int]) -> Path:
    """Return the place of a file, once for each state of it and its log."""
    folder = lasting_folder()
    place = folder / path.name
    if needs_settling(path):
        place = _copied(path, folder)
    else:
        link(path, place)
    side = path.with_name(f"{path.name}.aux.xml")
    if side.is_file():
        with scratching_besides_reading(folder):
            shutil.copyfile(side, folder / side.name)
    return place


def _copied(path: Path, folder: Path) -> Path:
    """Copy a file and its log into a folder and return the copy."""
    log = path.with_name(f"{path.name}-wal")
    for _ in range(_TRIES):
        before = _state(log)
        with scratching_besides_reading(folder):
            if before[0]:
                shutil.copyfile(log, folder / log.name)
            shutil.copyfile(path, folder / path.name)
        if _state(log) == before:
            return folder / path.name
    raise SceneReadError(f"{path} is changed by another program; close it there, or read a copy")


def _state(path: Path) -> tuple[int, int]:
    """Return the size and the time of the last change of a file; zeros if it is gone."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


def _queries(file: sqlite3.Connection, path: Path) -> Iterator[tuple[str, str]]:
    """Yield names of views and of tables that are computed when they are read, and what they are."""
    ((entries,),) = file.execute(
        "SELECT count(*) FROM (SELECT 1 FROM sqlite_master LIMIT ?)", (MOST_TABLES + 1,)
    )
    if entries > MOST_TABLES:
        raise SceneReadError(f"{path} has more than {MOST_TABLES:,} tables; give a file of one layer")
    for kind, name, sql in file.execute("SELECT type, name, sql FROM sqlite_master").fetchall():
        words = " ".join(str(sql).split()).lower()
        if kind == "view":
            yield name, "a view"
        elif kind == "table" and words.startswith("create virtual table"):
            module = words.partition(" using ")[2].partition("(")[0].strip(" \"'`[]")
            if module not in _MODULES:
                yield name, f"a table of the module {plain(module)[:40]}"
        elif kind == "table":
            quoted = name.replace('"', '""')
            columns = file.execute(f'PRAGMA table_xinfo("{quoted}")')
            if any(column[6] == _VIRTUAL for column in columns):
                yield name, "a table with computed columns"
