"""GeoPackages of others: queries that a file holds are not run."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from geoseg.errors import SceneReadError
from geoseg.files.network import plain
from geoseg.files.scratch import scratch_folder, scratching_besides_reading

MOST_TABLES = 20_000
"""Most tables, views, indexes and triggers of a file; a GeoPackage has about ten for a layer."""

_MODULES = frozenset({"rtree", "fts3", "fts4", "fts5"})
"""Modules of virtual tables that read nothing but their own file."""

_TRIES = 5
"""Most copies of a file that another program changes meanwhile."""

_VIRTUAL = 2
"""What `PRAGMA table_xinfo` states of a column that is computed when it is read."""


def check_tables(path: Path) -> None:
    """Check that a file has tables only.

    A view is a query: it may compute without end, and call functions of GDAL that read other files. GDAL runs
    the views of a file when it lists the layers, not only when it reads them.

    Raises:
        SceneReadError: the file has a view, a column that is computed, or a virtual table of a module that
            may read other files; or it is damaged.
    """
    try:
        with settled(path) as place:
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


@contextmanager
def settled(path: Path) -> Iterator[Path]:
    """Yield a copy of a file and its write-ahead log, or the file itself if it has no log.

    SQLite writes beside a file with a log to read it, and GDAL moves the log into the file after reading. A
    file has one while another program, such as QGIS, has it open, and after that program was killed.

    Raises:
        SceneReadError: another program changes the file all the time.
        OutputError: the folder for temporary files is full.
    """
    log = path.with_name(f"{path.name}-wal")
    if not (path.is_file() and log.is_file() and log.stat().st_size):
        yield path
        return
    with scratch_folder() as folder:
        copy = folder / path.name
        for _ in range(_TRIES):
            before = _state(log)
            with scratching_besides_reading(folder):
                shutil.copyfile(log, folder / log.name)
                shutil.copyfile(path, copy)
            if _state(log) == before:
                break
        else:
            raise SceneReadError(f"{path} is changed by another program; close it there, or read a copy")
        yield copy


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
