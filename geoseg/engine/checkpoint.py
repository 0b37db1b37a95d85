"""Finished rows of a scene on disk: an interrupted run continues from them, and workers share a scene.

Rows are kept in chunks of tile rows. What a chunk holds does not depend on where the sweep began, since a row
of pixels gets scores of its own tile row and of the one above only. So a map made from kept chunks is the
same, byte for byte, whoever scored them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

import geoseg
from geoseg.engine.blend import Highest
from geoseg.engine.recipe import Recipe
from geoseg.files.disk import writing
from geoseg.files.inputs import opened_files, state_of
from geoseg.pixels import Classes
from geoseg.spec import RunSpec

CHUNK_ROWS = 4
"""Tile rows of a chunk. A worker that begins in the middle scores one more row than it keeps."""

Finished = tuple[int, Classes, NDArray[np.uint8]]
"""First row, class values and scores (255ths) of finished rows."""

LIMITS = ("output", "raster", "scores", "picture", "overwrite", "threads", "max_memory", "checkpoint")
"""Options on which the classes of a scene do not depend."""

_HASH = re.compile(r"[0-9a-f]{16}")

_PART: ContextVar[tuple[int, int] | None] = ContextVar("geoseg_part", default=None)


class PartDone(Exception):  # noqa: N818 - no error
    """The chunks of one worker are complete; the map itself is made by another run."""


@contextmanager
def scoring_part(index: int, count: int) -> Iterator[None]:
    """Score only every `count`-th chunk, from `index` on, in the block; maps then end with `PartDone`."""
    token = _PART.set((index, count))
    try:
        yield
    finally:
        _PART.reset(token)


def part() -> tuple[int, int] | None:
    """Return the part that this run scores; None: all."""
    return _PART.get()


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The kept chunks of one map."""

    folder: Path
    """Of this map alone; it has the hash of all that its classes depend on in its name."""

    def chunks(self, rows: int) -> list[range]:
        """Return the tile rows of each chunk.

        Args:
            rows: number of tile rows.
        """
        return [range(start, min(start + CHUNK_ROWS, rows)) for start in range(0, rows, CHUNK_ROWS)]

    def has(self, cols: range, chunk: range) -> bool:
        """Return whether a chunk of a range of tile columns is complete."""
        return self._path(cols, chunk).is_file()

    def load(self, cols: range, chunk: range) -> Iterator[Finished]:
        """Yield the finished rows of a chunk, from top to bottom."""
        with np.load(self._path(cols, chunk)) as file:
            for index, row in enumerate(file["rows"]):
                yield int(row), file[f"classes{index}"], file[f"scores{index}"]

    def save(self, cols: range, chunk: range, kept: Sequence[Finished]) -> None:
        """Keep the finished rows of a chunk.

        Raises:
            OutputError: they cannot be written.
        """
        path = self._path(cols, chunk)
        arrays: dict[str, Any] = {f"classes{index}": classes for index, (_, classes, _) in enumerate(kept)}
        arrays |= {f"scores{index}": scores for index, (_, _, scores) in enumerate(kept)}
        with writing(path):
            self.folder.mkdir(parents=True, exist_ok=True)
            # Another worker may write the same chunk.
            beside = path.with_name(f"{path.stem}-{os.getpid()}.partial")
            with beside.open("wb") as file:
                np.savez(file, rows=np.array([row for row, _, _ in kept]), **arrays)
            beside.replace(path)

    def remove(self) -> None:
        """Remove the chunks of this map, and those of earlier options or inputs beside them."""
        with suppress(OSError):
            for beside in self.folder.parent.iterdir():
                if _HASH.fullmatch(beside.name):
                    shutil.rmtree(beside, ignore_errors=True)
            self.folder.parent.rmdir()  # if nothing else is in it

    def _path(self, cols: range, chunk: range) -> Path:
        return self.folder / f"{cols.start}-{cols.stop}-{chunk.start}-{chunk.stop}.npz"


def checkpoint_of(recipe: Recipe, run: RunSpec, command: dict[str, JsonValue]) -> Checkpoint | None:
    """Return the kept chunks of a map; None: none are asked for, or the task needs every pixel itself.

    Args:
        recipe: of the map.
        run: `--checkpoint`.
        command: the request, for the hash.
    """
    if run.checkpoint is None or not keeps_rows(recipe):
        return None
    own = command.get("run")
    table = (
        {name: value for name, value in own.items() if name not in LIMITS} if isinstance(own, dict) else own
    )
    facts = {
        "geoseg": geoseg.__version__,
        "command": {**command, "run": table},
        "inputs": recipe.inputs,
        "model": recipe.model,
        "tile": (recipe.tile, recipe.overlap),
        "files": [state_of(path) or (path, 0, 0) for path in sorted(opened_files())],
    }
    text = json.dumps(facts, sort_keys=True, default=str)
    return Checkpoint(folder=run.checkpoint.absolute() / hashlib.sha256(text.encode()).hexdigest()[:16])


def keeps_rows(recipe: Recipe) -> bool:
    """Return whether classes and scores of rows are all that a task needs of its pixels."""
    plain = recipe.decide is None or isinstance(recipe.decide, Highest)
    return plain and not recipe.extras.rasters and not recipe.extras.schema and not recipe.on_device
