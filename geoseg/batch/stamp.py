"""The stamp of a map: a hash of its inputs, options, model and version. Equal stamp: it is up to date."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from pydantic import BaseModel

import geoseg
from geoseg.batch.tasks import SHARED, BatchTask
from geoseg.batch.value_paths import is_path
from geoseg.bundles.find import find_any, list_models
from geoseg.files.inputs import FileState, local_files, state_of
from geoseg.spec.request import to_options

MOST_FILES = 20_000
"""Files of a product folder whose state is part of a stamp: more than any product has."""


APPENDED = (".aux.xml", ".msk")
"""Suffixes of files beside a raster from which GDAL takes nodata values, masks, CRS, scale and band names."""
REPLACED = (".hdr", ".prj", ".wld", ".tfw", ".tifw", ".jgw", ".pgw", ".j2w", ".rpb", ".dbf", ".shx", ".cpg")
"""The same for files whose suffix takes the place of that of a raster or shapefile."""


def stamp_of(task: BatchTask, request: BaseModel, outputs: Mapping[str, str | tuple[str, ...]]) -> str:
    """Return the stamp of a map that does not exist yet.

    Threads, memory and the folder of the batch are not part of it, because the map does not depend on them.

    Args:
        task: of the batch.
        request: of the scene, validated.
        outputs: names of the map's files by option.
    """
    options = {
        name: value
        for name, value in to_options(request).items()
        if name not in SHARED and name not in task.further_outputs
    }
    facts = {
        "geoseg": geoseg.__version__,
        "task": task.name,
        "options": options,
        "outputs": dict(outputs),
        "files": list(states(named_files(task, options))),
        "model": model_hash(options),
    }
    text = json.dumps(facts, sort_keys=True, default=str, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def named_files(task: BatchTask, options: Mapping[str, object]) -> Iterator[str]:
    """Yield the local files and folders that options name."""
    for name, value in options.items():
        if not is_path(task.places[name]):
            continue
        values = value.values() if isinstance(value, Mapping) else value
        for text in values if isinstance(values, Iterable) and not isinstance(values, str) else (value,):
            if isinstance(text, str):
                yield from local_files(text)


def states(paths: Iterable[str]) -> Iterator[FileState]:
    """Yield the state of files with their sidecar files, and of all files in folders, in a fixed order."""
    for path in dict.fromkeys(paths):
        if os.path.isdir(path):
            inner = sorted(str(file) for file in Path(path).rglob("*") if file.is_file())[:MOST_FILES]
            yield from (state for file in inner if (state := state_of(file)) is not None)
        elif (state := state_of(path)) is not None:
            yield state
            stem, suffix = os.path.splitext(path)
            beside = [path + own for own in APPENDED] + [stem + own for own in REPLACED if own != suffix]
            yield from (found for file in beside if (found := state_of(file)) is not None)


def unchanged(read: Iterable[FileState]) -> bool:
    """Return whether all files are as a run found them."""
    return all(state_of(path) == (path, size, time) for path, size, time in read)


def model_hash(options: Mapping[str, object]) -> str:
    """Return the SHA-256 of the network of a map, or of all networks that `auto` may choose.

    Raises:
        ModelError: the network does not exist, or its description is invalid.
    """
    name = options.get("model")
    if name and isinstance(name, str):  # `segment --like` has none: its encoder is one of the options
        return _hash_of(name)
    return _installed() if options.get("method") == "auto" else ""


@cache
def _hash_of(name: str) -> str:
    return find_any(name).sha256


@cache
def _installed() -> str:
    return ",".join(sorted(model.sha256 for model in list_models()))
