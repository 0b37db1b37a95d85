"""Scenes of a batch from files, products, patterns, folders and lists; one function a kind of input."""

from __future__ import annotations

import glob
import logging
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from geoseg.batch.entry import Entry
from geoseg.batch.naming import RASTERS, folder_name, listed_paths, scene_entry
from geoseg.batch.tables import footprint_entries, item_entries, table_entries
from geoseg.batch.tasks import BatchTask
from geoseg.errors import SceneReadError, UsageError
from geoseg.files.network import needs_network
from geoseg.files.text_tables import read_list
from geoseg.messages import note

LOG = logging.getLogger(__name__)

PRODUCTS = (".safe", ".zarr", ".gdb")
"""Suffixes of folders that are one scene."""
METADATA = ("MTD_*.xml", "manifest.safe", "*_MTL.*", "*.zattrs", ".zgroup", "zarr.json")
"""Files that a folder of one product holds."""
TABLES = frozenset({".csv", ".tsv"})
LISTS = frozenset({".txt", ".lst", ".list"})
FOOTPRINTS = frozenset({".gpkg", ".geojson", ".fgb", ".shp", ".parquet"})


def read_inputs(inputs: Sequence[str], task: BatchTask, searched: Sequence[Entry] = ()) -> list[Entry]:
    """Return the scenes of all inputs, each once, in order; their names differ.

    Args:
        inputs: as on the command line.
        task: of the batch; its options may be columns of tables.
        searched: scenes that a search found, which follow.

    Raises:
        UsageError: an input holds no scene, or a table has an unknown column.
        SceneReadError: an input does not exist or cannot be read.
    """
    entries: list[Entry] = []
    for text in inputs:
        found = entries_of(text, task)
        if not found:
            raise UsageError(f"{text}: no scene is in it; name scenes, or a folder or list of scenes")
        entries += found
    entries += searched
    unique = {(_identity(entry), tuple(sorted(map(str, entry.options.items())))): entry for entry in entries}
    if len(unique) < len(entries):
        note(LOG, f"{len(entries) - len(unique)} scenes are named more than once and mapped once")
    return _with_distinct_names(list(unique.values()))


def entries_of(text: str, task: BatchTask) -> list[Entry]:
    """Return the scenes of one input, by its kind."""
    if needs_network(text):
        return [scene_entry((text,))]
    path = Path(text)
    if not path.exists():
        if glob.has_magic(text):
            return [scene_entry((found,)) for found in sorted(glob.glob(text, recursive=True))]
        raise SceneReadError(f"{text} does not exist; check the path, or quote a pattern such as 'in/*.tif'")
    suffix = path.suffix.lower()
    if path.is_dir():
        return [scene_entry((text,))] if is_product(path) else folder_entries(path)
    if suffix in LISTS and task.name != "vectorize":
        return list_entries(path)
    if suffix in TABLES:
        return table_entries(path, task)
    if suffix in FOOTPRINTS:
        return footprint_entries(path, task)
    if suffix == ".json":
        return item_entries(path)
    return [scene_entry((text,))]


def folder_entries(folder: Path) -> list[Entry]:
    """Return the scenes in a folder: its rasters, products, and folders that hold rasters."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if is_product(path) or any(is_raster(inner) for inner in path.iterdir()):
                found.append(scene_entry((str(path),)))
        elif is_raster(path):
            found.append(scene_entry((str(path),)))
    return found


def list_entries(path: Path) -> list[Entry]:
    """Return the scenes of a text file, one a line; `#` begins a comment, `;` separates files of a scene.

    Raises:
        SceneReadError: it is not a text in UTF-8 or UTF-16.
    """
    found = []
    for number, line in enumerate(read_list(path).splitlines(), start=1):
        text = line.partition("#")[0].strip() if not needs_network(line) else line.strip()
        paths = listed_paths(text, path.parent)
        if paths:
            found.append(replace(scene_entry(paths), where=f"{path}, line {number}"))
    return found


def is_product(folder: Path) -> bool:
    """Return whether a folder is one scene: a product that is delivered as a folder."""
    if folder.suffix.lower() in PRODUCTS:
        return True
    return any(next(folder.glob(pattern), None) is not None for pattern in METADATA)


def is_raster(path: Path) -> bool:
    """Return whether a file in a folder is a raster by its suffix; hidden files are not."""
    return path.suffix.lower() in RASTERS and path.is_file() and not path.name.startswith(".")


def _identity(entry: Entry) -> tuple[str, ...]:
    return tuple(path if needs_network(path) else os.path.abspath(path) for path in entry.paths)


def _with_distinct_names(entries: Iterable[Entry]) -> list[Entry]:
    """Return scenes whose names differ: by the names of their folders, else by a number.

    The name of a scene depends on its path and on scenes of the same name alone, so that adding other scenes
    leaves it.
    """
    entries = list(entries)
    many = {name for name, count in Counter(entry.scene for entry in entries).items() if count > 1}
    named = [
        replace(entry, scene=f"{folder_name(entry)}-{entry.scene}") if entry.scene in many else entry
        for entry in entries
    ]
    seen: Counter[str] = Counter()
    out = []
    for entry in named:
        seen[entry.scene] += 1
        count = seen[entry.scene]
        out.append(entry if count == 1 else replace(entry, scene=f"{entry.scene}-{count}"))
    return out
