"""From a source to finished strips: read → normalise → score → blend → decide.

Three threads work at the same time: one reads the next tile row, the caller's thread runs the network, one
consumes the finished rows. Strips stay in order, and no thread runs more than one step ahead, so memory is
bounded by strips and the result does not depend on timing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geoseg.engine.blend import Mosaic
from geoseg.engine.checkpoint import Checkpoint, Finished, PartDone, part
from geoseg.engine.normalise import Normaliser
from geoseg.engine.on_device import device_sweep
from geoseg.engine.plan import array_room, column_bands
from geoseg.engine.preview import Preview
from geoseg.engine.reading import LEAST_CACHE, TileRow, ahead, block_cache, read_tile_rows
from geoseg.engine.recipe import Recipe
from geoseg.files.background import Background
from geoseg.files.scratch import ColumnStore, scratch_folder
from geoseg.grid import Window
from geoseg.pixels import Pixels, Strip
from geoseg.run_record import Progress
from geoseg.spec import RunSpec
from geoseg.tile_grid import Tile, TileGrid

if TYPE_CHECKING:
    from geoseg.engine.device.device_sweep import DeviceSweep

SWEEP_ROWS = 256
"""Rows of the strips that are read back after a scene was scored in column bands."""


LEAST_TILE = 128
"""Side in pixels of the smallest tile of a method that `--max-memory` leads to."""


@dataclass(kw_only=True)
class Job:
    """A recipe cut into tiles for one run."""

    recipe: Recipe
    tiles: TileGrid
    column_bands: tuple[range, ...]
    """Tile columns of each sweep over the scene (`geoseg.engine.plan.column_bands`)."""
    scratch: Path
    """Folder for class rows between sweeps."""
    itemsize: int = 4
    """Bytes of a stored value, by which `--max-memory` is planned."""
    most_cache: int | None = None
    """Bytes of the cache of source blocks at most, by `--max-memory`; then some are decoded twice."""
    sweep: DeviceSweep | None = None
    """Scores on GPUs; None: the session scores on the host."""
    checkpoint: Checkpoint | None = None
    """Finished rows on disk; None: they are not kept."""
    seconds: float = 0.0
    """Time spent in the session, or waiting for GPUs, so far."""


def job_of(recipe: Recipe, run: RunSpec, scratch: Path) -> Job:
    """Return the job of a recipe: tiles and column bands as the run's options and memory limit set them.

    Args:
        recipe: made by a task.
        run: tile, overlap, memory limit, batch size.
        scratch: folder for class rows between sweeps.
    """
    overlap = recipe.overlap if run.overlap is None else run.overlap
    if recipe.blend == "crop" and recipe.model is None:
        # That of a method is what it needs.
        overlap = recipe.overlap
    elif recipe.blend == "crop":
        overlap = max(overlap, recipe.overlap)
    itemsize = 4 if run.max_memory is None else _stored_bytes(recipe)
    size = run.tile or recipe.tile
    while True:
        tiles = TileGrid(grid=recipe.source.grid, size=size, overlap=overlap, fitted=recipe.fitted)
        ranges = column_bands(
            tiles,
            bands=len(recipe.bands),
            itemsize=itemsize,
            planes=recipe.session.planes,
            limit_mib=run.max_memory,
        )
        # The map of a method is the same with any tile.
        smaller = size // 2
        if (
            run.max_memory is None
            or run.tile is not None
            or recipe.model is not None
            or recipe.blend != "crop"
            or len(ranges) < tiles.cols
            or smaller < max(LEAST_TILE, 2 * overlap)
        ):
            break
        size = smaller
    return Job(
        recipe=recipe,
        tiles=tiles,
        column_bands=tuple(ranges),
        scratch=scratch,
        itemsize=itemsize,
        most_cache=None if run.max_memory is None else max(array_room(run.max_memory) // 4, LEAST_CACHE),
        sweep=device_sweep(recipe, run) if recipe.on_device else None,
    )


def _stored_bytes(recipe: Recipe) -> int:
    """Return the bytes of a stored value of a source."""
    return recipe.source.read(Window(row=0, col=0, height=1, width=1), recipe.bands).data.itemsize


def score(job: Job, consume: Callable[[Strip], None], preview: Preview, progress: Progress) -> None:
    """Score a scene and pass its finished strips, from top to bottom, to `consume` on one other thread.

    Raises:
        SceneReadError: the source could not be read.
        OutputError: there is no space for scratch files.
        PartDone: this run scores a part of the scene only, and has finished it.
        Exception: any error of `consume`.
    """
    own = part()
    with block_cache(job.recipe.source, job.recipe.bands, job.most_cache):
        if own is not None and job.checkpoint is not None:
            _score_part(job, job.checkpoint, preview, *own)
            raise PartDone
        with Background("geoseg-write") as consumer:
            for strip in _strips(job, preview, progress):
                preview.add_classes(strip.row, strip.classes)
                consumer.begin(consume, strip)
            consumer.wait()


def _strips(job: Job, preview: Preview, progress: Progress) -> Iterator[Strip]:
    """Yield finished strips of the full width; several column bands go through rasters on disk."""
    total = job.tiles.rows * len(job.column_bands)
    sweep = job.sweep or (_sweep if job.checkpoint is None else partial(_kept_sweep, job.checkpoint))
    if len(job.column_bands) == 1:
        for done, (row, classes, scores) in enumerate(sweep(job, job.column_bands[0], preview), start=1):
            yield Strip(row=row, classes=classes, scores=scores)
            progress(done, total, "strips")
        return
    grid = job.tiles.grid
    edges = (*(job.tiles.across.edges[cols.start] for cols in job.column_bands), grid.width)
    done = 0
    with ExitStack() as stack:
        folder = stack.enter_context(scratch_folder(job.scratch))
        all_classes, all_scores = (
            stack.enter_context(ColumnStore(folder / name, grid.height, edges, np.dtype(dtype)))
            for name, dtype in (("classes", job.recipe.dtype), ("scores", np.uint8))
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


def _kept_sweep(kept: Checkpoint, job: Job, cols: range, preview: Preview) -> Iterator[Finished]:
    """Yield finished rows of tile columns from the checkpoint; those that it lacks are scored and kept."""
    tiles = job.tiles
    for there, group in groupby(kept.chunks(tiles.rows), lambda chunk: kept.has(cols, chunk)):
        chunks = list(group)
        if there:
            for chunk in chunks:
                if preview.wanted:
                    for tile_row in read_tile_rows(job.recipe.source, job.recipe.bands, tiles, cols, chunk):
                        preview.add_pixels(tile_row.pixels)
                yield from kept.load(cols, chunk)
        else:
            yield from _kept(kept, job, cols, preview, chunks)


def _kept(
    kept: Checkpoint, job: Job, cols: range, preview: Preview, chunks: Sequence[range]
) -> Iterator[Finished]:
    """Score consecutive chunks, keep each when it is complete, and yield their rows."""
    rows = range(chunks[0].start, chunks[-1].stop)
    # The tile row above adds its scores to the first rows.
    found = _sweep(job, cols, preview, range(max(0, rows.start - 1), rows.stop))
    if rows.start:
        next(found)
    for chunk in chunks:
        own = []
        for _ in chunk:
            row, classes, scores = next(found)
            own.append((row, classes.copy(), scores.copy()))
        kept.save(cols, chunk, own)
        yield from own


def _score_part(job: Job, kept: Checkpoint, preview: Preview, index: int, count: int) -> None:
    """Score every `count`-th chunk that the checkpoint lacks."""
    every = [(cols, chunk) for cols in job.column_bands for chunk in kept.chunks(job.tiles.rows)]
    for cols, chunk in every[index::count]:
        if not kept.has(cols, chunk):
            for _ in _kept(kept, job, cols, preview, [chunk]):
                pass


def _sweep(job: Job, cols: range, preview: Preview, rows: range | None = None) -> Iterator[Finished]:
    """Score tile columns with the session, on the host, and yield finished rows from top to bottom.

    Args:
        job: of the scene.
        cols: tile columns.
        preview: gets the pixels.
        rows: consecutive tile rows; None: all. The first of them lacks the scores of the row above.
    """
    recipe, session = job.recipe, job.recipe.session
    decide = recipe.decision
    mosaic = Mosaic(job.tiles, session.planes, recipe.blend, cols)
    prepared = _batches(recipe, job.tiles.size)
    for tile_row in ahead(read_tile_rows(recipe.source, recipe.bands, job.tiles, mosaic.span, rows)):
        preview.add_pixels(tile_row.pixels)
        observed = observed_tiles(job.tiles, tile_row, mosaic.span)
        while batch := list(islice(observed, session.batch)):
            values = prepared([tile_row.tile(tile) for tile in batch])
            begun = time.monotonic()
            scores = session(values)
            job.seconds += time.monotonic() - begun
            for tile, tile_scores in zip(batch, scores, strict=True):
                mosaic.add(tile, tile_scores)
        window, planes = mosaic.finished(tile_row.row)
        valid = tile_row.pixels.valid[window.slices(tile_row.pixels.window)]
        classes, quanta = decide(planes, valid, window)
        mosaic.advance()
        yield window.row, classes, quanta


def _batches(recipe: Recipe, size: int) -> Callable[[Sequence[Pixels]], NDArray[np.float32]]:
    """Return the function from the pixels of tiles to a batch for the session.

    Batches of a network are written into the memory of the first; each is scored before the next is prepared.
    """
    if not isinstance(recipe.prepare, Normaliser):

        def stacked(tiles: Sequence[Pixels]) -> NDArray[np.float32]:
            made = [recipe.prepare(pixels) for pixels in tiles]
            return np.ascontiguousarray(made[0])[np.newaxis] if len(made) == 1 else np.stack(made)

        return stacked
    normaliser = recipe.prepare
    memory = np.empty((recipe.session.batch, normaliser.channels, size, size), np.float32)

    def prepared(tiles: Sequence[Pixels]) -> NDArray[np.float32]:
        for pixels, out in zip(tiles, memory, strict=False):
            normaliser(pixels, out=out)
        return memory[: len(tiles)]

    return prepared


def observed_tiles(tiles: TileGrid, tile_row: TileRow, span: range) -> Iterator[Tile]:
    """Yield the tiles of a row that hold an observed pixel; the other tiles are nodata and are not scored."""
    for tile in tiles.row_tiles(tile_row.row):
        if tile.col in span and tile_row.tile(tile).valid.any():
            yield tile
