"""Scores of the windows of a scene: read by rows of windows, scored in batches."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import rasterio
from numpy.typing import NDArray

from geoseg.engine.feature_rows import OBSERVED, feature_grid
from geoseg.engine.network_on_scene import network_mib
from geoseg.engine.plan import Plan, array_room, buffers_bytes, column_bands, make_plan, widest_band
from geoseg.engine.preview import Preview
from geoseg.engine.reading import LEAST_CACHE, TileRow, ahead, read_tile_rows
from geoseg.grid import Grid
from geoseg.runtimes.classify import Classifier
from geoseg.spec import ModelSpec
from geoseg.tasks.methane.facility_scenes import ClassifierInput, empty_batch

READING = 1.15
"""Total time of a map divided by that of the classifier, for plans."""

MIN_CACHE = 32 * 2**20
"""Smallest size of the block cache in bytes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class WindowScores:
    """Scores of all windows."""

    scores: NDArray[np.float32]
    """(K, rows, cols); NaN where too few pixels are observed."""
    grid: Grid
    """Grid of the cells: one for each window, around its centre, with half its side."""
    seconds: float
    """Time of the classifier."""


def score_windows(
    model: ModelSpec,
    classifier: Classifier,
    inputs: Sequence[ClassifierInput],
    *,
    progress: Callable[[int, int, str], None],
    preview: Preview | None = None,
    max_memory: int | None = None,
) -> WindowScores:
    """Score all windows of a scene.

    Args:
        model: the classifier's description.
        classifier: scores batches.
        inputs: inputs with their scenes; the first is mapped.
        progress: callback with the number of rows done, and of all rows.
        preview: gets the pixels of the mapped scene.
        max_memory: MiB for pixels; None: only very wide scenes are read in several spans of columns.

    Returns:
        The scores, which do not depend on the batch size or the spans.
    """
    tiles = inputs[0].tiles
    scores = np.full((len(model.classes), tiles.rows, tiles.cols), np.nan, np.float32)
    queue = _Queue(model, classifier, inputs, scores)
    spans = _spans(inputs, max_memory)
    with rasterio.Env(GDAL_CACHEMAX=_cache(inputs, max_memory)):
        for number, span in enumerate(spans):
            for rows in _rows(inputs, span):
                if preview is not None:
                    window = inputs[0].source.on_source(rows[0].pixels.window)
                    preview.add_pixels(replace(rows[0].pixels, window=window))
                queue.add(rows, span)
                progress(number * tiles.rows + rows[0].row + 1, len(spans) * tiles.rows, "rows of windows")
    queue.flush()
    return WindowScores(scores=scores, grid=feature_grid(tiles.grid, tiles.stride), seconds=queue.seconds)


class _Queue:
    """A batch of normalised windows that waits for the classifier."""

    def __init__(
        self,
        model: ModelSpec,
        classifier: Classifier,
        inputs: Sequence[ClassifierInput],
        scores: NDArray[np.float32],
    ) -> None:
        self._classifier, self._inputs, self._scores = classifier, inputs, scores
        self._batch = empty_batch(model, inputs, classifier.batch)
        self._cells: list[tuple[int, int]] = []
        self.seconds = 0.0

    def add(self, rows: Sequence[TileRow], span: range) -> None:
        """Add one row of windows of every input, and score full batches."""
        lists = [list(item.tiles.row_tiles(row.row)) for item, row in zip(self._inputs, rows, strict=True)]
        for col in span:
            windows = [row.tile(tiles[col]) for row, tiles in zip(rows, lists, strict=True)]
            seen = windows[0].valid
            if np.count_nonzero(seen) < OBSERVED * seen.size:
                continue
            position = len(self._cells)
            for item, pixels in zip(self._inputs, windows, strict=True):
                target = self._batch[item.name][position]
                if pixels.valid.any():
                    item.prepare(pixels, target)
                else:
                    target[:] = 0
            self._cells.append((rows[0].row, col))
            if len(self._cells) == self._classifier.batch:
                self.flush()

    def flush(self) -> None:
        """Score the windows in the batch."""
        count = len(self._cells)
        if not count:
            return
        begun = time.monotonic()
        scores = self._classifier({name: values[:count] for name, values in self._batch.items()})
        self.seconds += time.monotonic() - begun
        rows, cols = np.array(self._cells).T
        self._scores[:, rows, cols] = scores[:, :, 0, 0].T
        self._cells.clear()


def _rows(inputs: Sequence[ClassifierInput], span: range) -> Iterator[tuple[TileRow, ...]]:
    """Yield the rows of windows of all inputs, read ahead."""
    readers = [ahead(read_tile_rows(item.source, item.bands, item.tiles, span)) for item in inputs]
    yield from zip(*readers, strict=True)


def _spans(inputs: Sequence[ClassifierInput], max_memory: int | None) -> list[range]:
    """Return the spans of columns of windows that are read together, for the input with the most bytes."""
    spans = [
        column_bands(item.tiles, bands=len(item.bands), itemsize=4, planes=0, limit_mib=max_memory)
        for item in inputs
    ]
    return max(spans, key=len)


def windows_mib(inputs: Sequence[ClassifierInput], max_memory: int | None) -> int:
    """Return the MiB of the pixels and source blocks that are held at once."""
    spans = _spans(inputs, max_memory)
    pixels = sum(
        buffers_bytes(item.tiles, widest_band(item.tiles, spans), bands=len(item.bands), itemsize=4, planes=0)
        for item in inputs
    )
    return (pixels + _cache(inputs, max_memory)) // 2**20


def _cache(inputs: Sequence[ClassifierInput], max_memory: int | None) -> int:
    """Return the size of the block cache: a row of windows may touch two rows of blocks."""
    wanted = max(2 * sum(item.scene.cache_bytes(item.bands) for item in inputs), MIN_CACHE)
    return wanted if max_memory is None else min(wanted, max(array_room(max_memory) // 4, LEAST_CACHE))


def plan_windows(
    model: ModelSpec, classifier: Classifier, inputs: Sequence[ClassifierInput], max_memory: int | None
) -> Plan:
    """Plan `score_windows`; one batch is scored to estimate the time."""
    batch = empty_batch(model, inputs, classifier.batch)
    classifier(batch)
    begun = time.monotonic()
    classifier(batch)
    seconds = (time.monotonic() - begun) / classifier.batch
    # The plan has one grid: all inputs count as if they were on the grid of the first.
    bands = sum(len(item.bands) * (item.side / inputs[0].side) ** 2 for item in inputs)
    return make_plan(
        inputs[0].tiles,
        _spans(inputs, max_memory),
        bands=math.ceil(bands),
        itemsize=4,
        planes=0,
        cache_bytes=_cache(inputs, max_memory),
        session_mib=network_mib(model),
        seconds_per_tile=seconds * READING,
    )
