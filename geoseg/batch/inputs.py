"""Scenes of a batch from files, products, patterns, folders and lists; one function a kind of input."""

from __future__ import annotations

import glob
import json
import logging
import os
import re
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

from geoseg.batch.entry import Entry
from geoseg.batch.naming import JOURNALS, RASTERS, file_at, folder_name, found_path, listed_paths, scene_entry
from geoseg.batch.tables import footprint_entries, item_entries, table_entries
from geoseg.batch.tasks import BatchTask
from geoseg.errors import SceneReadError, UsageError
from geoseg.files.network import needs_network
from geoseg.files.text_tables import read_list
from geoseg.messages import counted, note

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
            raise UsageError(f"{text}: contains no scene; name scenes, or a folder or list of scenes")
        entries += found
    entries += searched
    unique: dict[object, Entry] = {}
    for entry in entries:
        unique.setdefault((_identity(entry), tuple(sorted(map(str, entry.options.items())))), entry)
    if len(unique) < len(entries):
        note(LOG, f"{counted(len(entries) - len(unique), 'repeated scene')} left out: a scene is mapped once")
    return _with_distinct_names(list(unique.values()))


def without_outputs(entries: Sequence[Entry], folder: Path, outputs: Container[str]) -> list[Entry]:
    """Return the scenes that are no outputs of the batch, as in a folder that holds its output folder.

    Args:
        entries: the scenes.
        folder: of the outputs.
        outputs: files that the batch made, as paths in `folder`.

    Raises:
        UsageError: all are outputs.
    """
    place = Path(os.path.realpath(folder))

    def is_output(path: str) -> bool:
        if needs_network(path):
            return False
        here = Path(_resolved(path))
        inside = here.is_relative_to(place) and here.relative_to(place).as_posix() in outputs
        return inside or os.path.realpath(path) == str(place)

    scenes = [entry for entry in entries if entry.item is not None or not all(map(is_output, entry.paths))]
    if entries and not scenes:
        raise UsageError(
            f"all inputs are outputs of this batch in {folder}; name scenes, or another `-o FOLDER`"
        )
    if len(scenes) < len(entries):
        note(LOG, f"{counted(len(entries) - len(scenes), 'input')} left out: outputs of this batch")
    return scenes


def entries_of(text: str, task: BatchTask) -> list[Entry]:
    """Return the scenes of one input, by its kind."""
    if needs_network(text):
        return [scene_entry((text,))]
    path = Path(text)
    if not path.exists():
        if glob.has_magic(text):
            return [scene_entry((found,)) for found in sorted(glob.glob(text, recursive=True), key=_shallow)]
        if (item := found_path(text, Path())) is not None:  # FILE.json#ID
            return [scene_entry((item,))]
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
    """Return the scenes in a folder: its rasters, products, and folders that hold rasters.

    Folders that a batch wrote its maps to hold no scenes.
    """
    found = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if any(path.glob(JOURNALS)):
                note(
                    LOG,
                    f"{path}: holds the maps of a batch, and no scenes; name it itself to map its rasters",
                )
            elif is_product(path) or any(is_raster(inner) for inner in path.iterdir()):
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
        # Without space before it, the character may be part of a name, or names an item of a collection.
        text = re.sub(r"(^|\s)#.*$", "", line) if not file_at(line.strip(), path.parent) else line
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
    """Return what two entries of one scene have in common."""
    if entry.item is not None:  # Items of several collections may have one id, or none.
        return (*entry.paths, json.dumps(entry.item, sort_keys=True))
    return tuple(path if needs_network(path) else _resolved(path) for path in entry.paths)


def _resolved(path: str) -> str:
    """Return the absolute path in folders that are no links; a link to a file is a scene by its own name."""
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(os.path.realpath(folder), name)


def _shallow(path: str) -> tuple[str, int, str]:
    """Order paths by name, of one file in linked folders the shortest first."""
    return _resolved(path), path.count(os.sep), path


def _with_distinct_names(entries: Iterable[Entry]) -> list[Entry]:
    """Return scenes whose names differ: by the names of their folders, else by a number.

    Names that differ in case alone are equal, as on some file systems. The name of a scene depends on its
    path and on scenes of the same name alone, so that adding other scenes leaves it.
    """
    entries = list(entries)
    many = Counter(entry.scene.casefold() for entry in entries)
    named = [
        replace(entry, scene=f"{folder_name(entry)}-{entry.scene}")
        if many[entry.scene.casefold()] > 1
        else entry
        for entry in entries
    ]
    taken = {entry.scene.casefold() for entry in named}
    seen: set[str] = set()
    out = []
    for entry in named:
        if (name := entry.scene).casefold() in seen:
            name = next(
                one for number in count(2) if (one := f"{entry.scene}-{number}").casefold() not in taken
            )
            taken.add(name.casefold())
        seen.add(name.casefold())
        out.append(entry if name == entry.scene else replace(entry, scene=name))
    return out
