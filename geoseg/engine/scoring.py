"""From a source to finished strips: read → normalise → score → blend → decide.

Three threads work at once: one reads the next tile row, the caller's runs the network, one consumes the
finished rows. Each hands on in order, and none runs more than one step ahead, so memory is bounded by
strips and the result does not depend on timing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
import rasterio
from numpy.typing import NDArray

from geoseg.engine.blend import Blend, Decide, Mosaic
from geoseg.engine.preview import Preview
from geoseg.engine.reading import TileRow, ahead, read_tile_rows
from geoseg.files.scratch import ColumnStore, scratch_folder
from geoseg.grid import Tile, TileGrid
from geoseg.pixels import Classes, Pixels, Strip
from geoseg.run_record import Progress
from geoseg.runtimes import Session
from geoseg.scenes import Source

SWEEP_ROWS = 256
"""Rows of the strips that are read back after a scene was scored in column bands."""


Finished = tuple[int, Classes, NDArray[np.uint8]]
"""First row, classes and 255ths of the scores of finished rows."""


class Sweep(Protocol):
    """Scores some tile columns of a job from top to bottom."""

    def __call__(self, job: Job, cols: range, preview: Preview) -> Iterator[Finished]:
        """Yield finished rows; show the preview every row of pixels on the way."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is to be scored, and how scores become classes."""

    source: Source
    bands: tuple[str, ...]
    """In the session's channel order."""
    session: Session
    prepare: Callable[[Pixels], NDArray[np.float32]]
    """Pixels of a tile to the session's input (C, size, size)."""
    tiles: TileGrid
    blend: Blend
    decide: Decide
    """Scores of finished rows to classes."""
    dtype: type[np.uint8] | type[np.uint16] = np.uint8
    """Of the classes."""
    column_bands: tuple[range, ...]
    """Tile columns swept one after the other (`geoseg.engine.plan.column_bands`)."""
    scratch: Path
    """Folder for class rows between sweeps."""
    sweep: Sweep | None = None
    """What scores in the session's place, on its device; None: the session, on the host."""


def score(job: Job, consume: Callable[[Strip], None], preview: Preview, progress: Progress) -> None:
    """Score a scene and hand its finished strips, from top to bottom, to `consume` on one other thread.

    Raises:
        SceneReadError: the source could not be read.
        OutputError: there is no room for scratch files.
        Exception: whatever `consume` raises.
    """
    cache = max(job.source.cache_bytes(job.bands), 16 * 2**20)
    with rasterio.Env(GDAL_CACHEMAX=cache), ThreadPoolExecutor(1, "geoseg-write") as pool:
        pending: Future[None] | None = None
        for strip in _strips(job, preview, progress):
            if pending is not None:
                pending.result()
            preview.add_classes(strip.row, strip.classes)
            pending = pool.submit(copy_context().run, consume, strip)
        if pending is not None:
            pending.result()


def _strips(job: Job, preview: Preview, progress: Progress) -> Iterator[Strip]:
    """Finished strips of the full width, through a class raster on disk where there are column bands."""
    total = job.tiles.rows * len(job.column_bands)
    sweep: Sweep = job.sweep or _sweep
    if len(job.column_bands) == 1:
        for done, (row, classes, scores) in enumerate(sweep(job, job.column_bands[0], preview), start=1):
            yield Strip(row=row, classes=classes, scores=scores)
            progress(done, total, "strips")
        return
    grid = job.tiles.grid
    edges = (*(cols.start * job.tiles.stride for cols in job.column_bands), grid.width)
    done = 0
    with ExitStack() as stack:
        folder = stack.enter_context(scratch_folder(job.scratch))
        all_classes, all_scores = (
            stack.enter_context(ColumnStore(folder / name, grid.height, edges, np.dtype(dtype)))
            for name, dtype in (("classes", job.dtype), ("scores", np.uint8))
        )
        for band, cols in enumerate(job.column_bands):
            for row, classes, scores in sweep(job, cols, preview):
                all_classes.write(band, row, classes)
                all_scores.write(band, row, scores)
                done += 1
                progress(done, total, "strips")
        for row in range(0, grid.height, SWEEP_ROWS):
            stop = min(row + SWEEP_ROWS, grid.height)
            yield Strip(row=row, classes=all_classes.read(row, stop), scores=all_scores.read(row, stop))


def _sweep(job: Job, cols: range, preview: Preview) -> Iterator[Finished]:
    """Score some tile columns by the session, on the host."""
    mosaic = Mosaic(job.tiles, job.session.planes, job.blend, cols)
    for tile_row in ahead(read_tile_rows(job.source, job.bands, job.tiles, mosaic.span)):
        preview.add_pixels(tile_row.pixels)
        seen = observed(job.tiles, tile_row, mosaic.span)
        while batch := list(islice(seen, job.session.batch)):
            scores = job.session(np.stack([job.prepare(tile_row.tile(tile)) for tile in batch]))
            for tile, tile_scores in zip(batch, scores, strict=True):
                mosaic.add(tile, tile_scores)
        window, planes = mosaic.finished(tile_row.row)
        valid = tile_row.pixels.valid[window.slices(tile_row.pixels.window)]
        classes, quanta = job.decide(planes, valid, window)
        mosaic.advance()
        yield window.row, classes, quanta


def observed(tiles: TileGrid, tile_row: TileRow, span: range) -> Iterator[Tile]:
    """Tiles of a row that hold any observed pixel; the others are nodata whatever the network says."""
    for tile in tiles.row_tiles(tile_row.row):
        if tile.col in span and tile_row.tile(tile).valid.any():
            yield tile
