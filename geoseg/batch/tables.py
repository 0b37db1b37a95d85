"""Scenes of a batch from tables, footprints and STAC item collections."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from geoseg.batch.entry import Entry
from geoseg.batch.naming import (
    SEPARATOR,
    file_at,
    found_path,
    listed_paths,
    safe_name,
    scene_entry,
    scene_name,
)
from geoseg.batch.tasks import TASKS, BatchTask
from geoseg.batch.value_paths import is_path, with_paths
from geoseg.errors import SceneError, SceneReadError, UsageError
from geoseg.files.bounded import parse_json, read_text
from geoseg.files.doors import opening
from geoseg.files.network import needs_network
from geoseg.files.text_tables import read_table
from geoseg.messages import warn
from geoseg.spec.batch import OptionValue
from geoseg.spec.request import Place, bare_type

LOG = logging.getLogger(__name__)

PATHS = ("scene", "path", "location", "file", "filename", "href")
"""Columns that may hold the path of a scene; `location` is that of gdaltindex."""
NAMES = ("id", "name")
"""Columns that may hold the name of a scene."""
TABLE_BYTES = 256 * 2**20
"""Most bytes of an item collection: a million scenes."""

Row = Mapping[str, str]


def table_entries(path: Path, task: BatchTask) -> list[Entry]:
    """Return the scenes of a CSV or TSV file.

    A column is the path of the scene, its name (`id`), an option of the task, or a name that output templates
    use. Empty cells are not given.

    Raises:
        UsageError: the table has no column of paths, or a column that looks like a misspelt option.
        SceneReadError: it cannot be read.
    """
    table = read_table(path)
    rows = list(zip(table.lines, table.rows, strict=True))
    return entries_of_rows(rows, table.names, path, task, plain=table.plain)


def footprint_entries(path: Path, task: BatchTask) -> list[Entry]:
    """Return the scenes of a vector file whose features have a column of paths.

    Raises:
        UsageError: it has no column of paths, or a column that looks like a misspelt option.
        SceneReadError: it cannot be read.
    """
    from pyogrio import raw  # noqa: PLC0415 - vector files only

    from geoseg.scenes.vector_files import reading_vector  # noqa: PLC0415

    with opening(path), reading_vector(path) as file:
        if path.suffix.lower() == ".parquet":
            raise SceneReadError(f"{path}: footprints in GeoParquet are not read; write a GeoPackage")
        meta, _, _, columns = raw.read(file, read_geometry=False)
    names = [str(name) for name in meta["fields"]]
    cells = [["" if _missing(value) else str(value) for value in column] for column in columns]
    rows = [
        (number, dict(zip(names, row, strict=True))) for number, row in enumerate(zip(*cells, strict=True), 1)
    ]
    return entries_of_rows(rows, names, path, task)


def entries_of_rows(
    rows: Iterable[tuple[int, Row]],
    names: Sequence[str],
    path: Path,
    task: BatchTask,
    plain: Callable[[str], str] = str,
) -> list[Entry]:
    """Return the scenes of the rows of a table.

    Args:
        rows: line or feature number, and the cells by column.
        names: of the columns.
        path: of the table, for messages and relative paths.
        task: its options may be columns.
        plain: returns the text of a number with a decimal point.
    """
    subject = next((name for name in (task.subject, *PATHS) if name in names), None)
    if subject is None:
        raise UsageError(
            f"{path}: has no column of paths; name one {task.subject}, or {', '.join(PATHS[1:])}"
        )
    columns = _option_columns(names, subject, path, task)
    entries = []
    for number, row in rows:
        where = f"{path}, line {number}"
        paths = listed_paths(row.get(subject, ""), path.parent)
        if not paths:
            continue
        own = next((row[name] for name in NAMES if row.get(name)), "")
        options = {
            option: cell_value(
                plain(row[name]) if _is_number(task.places[option]) else row[name],
                task.places[option],
                path.parent,
            )
            if option not in task.further_outputs
            else _several(row[name])
            for name, option in columns.items()
            if row.get(name)
        }
        further = {name: cell for name, cell in row.items() if name not in columns and name != subject}
        entries.append(
            Entry(
                scene=safe_name(own) if own else scene_name(paths[0]),
                paths=paths,
                options=options,
                columns=further,
                where=where,
            )
        )
    return entries


def _option_columns(names: Sequence[str], subject: str, path: Path, task: BatchTask) -> dict[str, str]:
    """Return the option of each column that is one.

    Raises:
        UsageError: a column is an option that the batch sets itself, or nearly the name of an option.
    """
    found = {}
    for name in names:
        option = name.lower().replace("_", "-")
        if name == subject or name in NAMES:
            continue
        if option in task.offered:
            found[name] = option
        elif option in task.places:
            raise UsageError(f"{path}: the column {name} is set by the batch for all scenes; remove it")
        elif name in {*PATHS, "date"}:  # known in tables, whatever options they resemble
            continue
        elif near := get_close_matches(option, sorted(task.offered), n=1, cutoff=0.85):
            raise UsageError(f"{path}: unknown column {name}; did you mean {near[0]}?")
        elif meant := _perhaps(option, task):
            warn(
                LOG,
                "column-unused",
                f"{path}: the column {name} is no option of batch {task.name}, and can only be used in names "
                f"of outputs: {meant}",
            )
    return found


def _perhaps(option: str, task: BatchTask) -> str:
    """Return which option the name of a column may mean: one that is less like it, or of another task."""
    begun = [name for name in sorted(task.offered) if len(option) > 3 and name.startswith(option)]
    if near := begun or get_close_matches(option, sorted(task.offered), n=1, cutoff=0.8):
        return f"did you mean {near[0]}?"
    others = [other.name for other in TASKS.values() if option in other.offered]
    return f"it is an option of batch {', '.join(others)}" if others else ""


def cell_value(cell: str, place: Place, folder: Path) -> OptionValue:
    """Return the cell of a table as the value of an option; paths are resolved as those of scenes."""
    # A path may hold the separator.
    given = cell if is_path(place) and file_at(cell.strip(), folder) else _several(cell)
    return with_paths(place, given, lambda text: found_path(text, folder))


def _is_number(place: Place) -> bool:
    """Return whether the value of an option is one number, or may be one."""
    kind = bare_type(place.field.annotation)
    members = get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,)
    return bool({bare_type(member) for member in members if member is not type(None)} & {int, float})


def _several(cell: str) -> OptionValue:
    """Return the values of a cell with separators, else its text."""
    several = [text for part in cell.split(SEPARATOR) if (text := part.strip())]
    return several if SEPARATOR in cell else cell


def item_entries(path: Path) -> list[Entry]:
    """Return the scenes of a STAC item, or of an item collection.

    Raises:
        SceneReadError: the file is not JSON.
        SceneError: it is neither.
    """
    try:
        value = parse_json(read_text(path, TABLE_BYTES), path)
    except UnicodeDecodeError as error:
        raise SceneReadError(
            f"{path}: is not text in UTF-8 or UTF-16 ({error.reason}); save it as UTF-8"
        ) from error
    except ValueError as error:
        raise SceneReadError(f"{path}: is not JSON ({error})") from error
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "Feature":
        return [scene_entry((str(path),))]
    features = value.get("features") if kind == "FeatureCollection" else None
    if not isinstance(features, list) or not all(_is_item(item) for item in features):
        raise SceneError(
            f"{path}: is neither a STAC item nor an item collection; save the result of a search as an item "
            "collection"
        )
    return [
        Entry(
            scene=safe_name(str(item.get("id") or f"item-{index}")),
            paths=(f"{path}#{item.get('id')}",),
            item=with_absolute_hrefs(item, path.parent),
        )
        for index, item in enumerate(features, start=1)
    ]


def with_absolute_hrefs(item: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return a STAC item whose assets do not depend on where the item is."""

    def absolute(asset: Any) -> Any:
        href = asset.get("href") if isinstance(asset, dict) else None
        if not isinstance(href, str) or needs_network(href) or os.path.isabs(href) or href.startswith("/vsi"):
            return asset
        return {**asset, "href": str((folder / href).absolute())}

    return {**item, "assets": {key: absolute(asset) for key, asset in item["assets"].items()}}


def _is_item(value: object) -> bool:
    return (
        isinstance(value, dict) and value.get("type") == "Feature" and isinstance(value.get("assets"), dict)
    )


def _missing(value: object) -> bool:
    return value is None or value != value  # noqa: PLR0124 - NaN
