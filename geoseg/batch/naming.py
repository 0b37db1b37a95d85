"""Names of scenes and of their outputs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from geoseg.batch.entry import Entry
from geoseg.errors import UsageError
from geoseg.files.network import needs_network

RASTERS = frozenset(
    {
        *(".tif", ".tiff", ".jp2", ".vrt", ".img", ".png", ".jpg", ".jpeg", ".dat", ".bil", ".bsq", ".bip"),
        *(".nc", ".h5", ".hdf5", ".he5", ".hdf", ".grib", ".grb", ".grib2", ".zip", ".tar", ".tgz"),
    }
)
"""Suffixes of files that are scenes if a folder holds them."""
SUMMARY = "summary.csv"
FOOTPRINTS = "summary.gpkg"
COLLECTION = "collection.json"
MERGED = "merged.gpkg"
JOURNALS = "journal*.jsonl"
"""Pattern of the journals of a batch and of its parts, in the output folder."""
STAC = "stac"
"""Folder of the items of the catalogue, beside the collection."""
STAC_MODELS = f"{STAC}/models"
"""Folder of the items of networks."""
ITEMS = "items"
"""Folder for the STAC items of collections, in the output folder."""
CHECKPOINTS = ".checkpoints"
"""Folder for finished rows of scenes whose map is not complete, in the output folder."""
_OWN = re.compile(
    rf"({SUMMARY}|{FOOTPRINTS}|{COLLECTION}|{MERGED}|journal[^/]*\.jsonl|({STAC}|{ITEMS}|{CHECKPOINTS})(/.*)?)$"
)
"""Files of the batch itself in the output folder."""
SEPARATOR = ";"
"""Separates the files of one scene in a line of a list, and the values of a repeated option in a table."""


def scene_entry(paths: tuple[str, ...]) -> Entry:
    """Return a scene named after its first file."""
    return Entry(scene=scene_name(paths[0]), paths=paths)


def scene_name(path: str) -> str:
    """Return the name of a scene: that of its file or folder, without suffixes."""
    if item := re.search(r"\.json#(.+)$", path):
        return safe_name(item[1])
    # A local file may have these characters in its name.
    name = re.sub(r"[?#].*$", "", path) if needs_network(path) else path
    name = name.rstrip("/").rpartition("/")[2].rpartition(os.sep)[2]
    for _ in range(2):
        stem, suffix = os.path.splitext(name)
        if stem and suffix.lower() in RASTERS | {".gz", ".json", ".safe", ".zarr", ".mtd", ".xml"}:
            name = stem
    return safe_name(name)


def safe_name(text: str) -> str:
    """Return a text as a part of a file name."""
    return re.sub(r"[^\w.+-]+", "_", text).strip("._") or "scene"


def found_path(path: str, folder: Path) -> str | None:
    """Return a path in a list: relative to the current folder, or else to the folder of the list.

    None: there is no such file, nor the file of `FILE.json#ID`; addresses are returned as they are.
    """
    if needs_network(path):
        return path
    if found := file_at(path, folder):
        return found
    document, mark, name = path.partition(".json#")
    items = file_at(f"{document}.json", folder) if mark else None
    return items and f"{items}#{name}"


def file_at(path: str, folder: Path) -> str | None:
    """Return the path of a file or folder, relative to the current folder or else to another; None: none."""
    # Unlike `Path.exists`, `os.path.exists` accepts texts that no file can have as a name.
    if os.path.exists(path):
        return path
    beside = str(folder / path)
    return beside if path and os.path.exists(beside) else None


def is_own(name: str) -> bool:
    """Return whether a path in the output folder is that of a file of the batch itself, in any case."""
    return _OWN.match(name.casefold()) is not None


def listed_paths(text: str, folder: Path) -> tuple[str, ...]:
    """Return the paths of a scene's files in a list, separated by `;`; see `found_path`."""
    if whole := file_at(text.strip(), folder):
        return (whole,)
    parts = [stripped for part in text.split(SEPARATOR) if (stripped := part.strip())]
    return tuple(found_path(part, folder) or part for part in parts)


def folder_name(entry: Entry) -> str:
    """Return the name of the folder of a scene, as a part of a file name."""
    return safe_name(os.path.basename(os.path.dirname(os.path.abspath(entry.paths[0]))))


def filled(template: str, entry: Entry, index: int) -> str:
    """Return the name of an output of a scene.

    Args:
        template: with `{scene}`, `{index}` (from 1), `{date}` (in the name of the scene, or the column
            `date`), `{folder}` or the name of a column.
        entry: the scene.
        index: of the scene in the batch, from 1.

    Raises:
        UsageError: the template has an unknown name, or the scene has no date.
    """
    values: Mapping[str, str] = {
        "scene": entry.scene,
        "index": f"{index:05d}",
        "folder": folder_name(entry),
        **(_date(entry) if "{date}" in template else {}),
        **{name: safe_name(value) for name, value in entry.columns.items() if value},
        **{name: safe_name(str(value)) for name, value in entry.options.items()},
    }

    def value(found: re.Match[str]) -> str:
        name = found[1]
        if name in values:
            return values[name]
        why = "its name has no date" if name == "date" else f"known are {', '.join(values)}"
        raise UsageError(f"{template}: no {{{name}}} for the scene {entry.scene}: {why}")

    return re.sub(r"\{([\w-]+)\}", value, template)


def _date(entry: Entry) -> dict[str, str]:
    """Return the date in the name of a scene, if there is one."""
    from geoseg.scenes.name_time import time_in_name  # noqa: PLC0415 - for names with a date only

    found = time_in_name(entry.scene) or time_in_name(entry.paths[0])
    return {} if found is None else {"date": f"{found:%Y%m%d}"}
