"""Windows of a scene to scores: read by rows of windows, scored in batches."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import rasterio
from numpy.typing import NDArray

from geoseg.engine.plan import Plan, column_bands, make_plan
from geoseg.engine.preview import Preview
from geoseg.engine.reading import TileRow, ahead, read_tile_rows
from geoseg.grid import Grid
from geoseg.methane.facility_scenes import Given, empty_batch
from geoseg.runtimes import Classifier
from geoseg.spec import ClassifierSpec

OBSERVED = 0.5
"""Share of a window's pixels that must be observed in the scene mapped; else it has no score."""

READING = 1.15
"""Of the classifier's time that a plan takes for everything else too."""

LEAST_CACHE = 32 * 2**20
"""Bytes of decoded blocks that are kept in any case."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Scored:
    """Every window's scores."""

    scores: NDArray[np.float32]
    """(K, rows, cols); NaN where too little was observed."""
    grid: Grid
    """Of the cells: one a window, around its centre, half a window a side."""
    seconds: float
    """In the classifier."""


def score_windows(
    model: ClassifierSpec,
    classifier: Classifier,
    given: Sequence[Given],
    *,
    progress: Callable[[int, int, str], None],
    preview: Preview | None = None,
    max_memory: int | None = None,
) -> Scored:
    """Score all windows of a scene.

    Args:
        model: the classifier's description.
        classifier: scores batches.
        given: inputs that there are scenes for; the first is the one that is mapped.
        progress: is told rows of windows done, and of how many.
        preview: is given the pixels of the scene mapped, on its whole grid.
        max_memory: MiB for pixels; None: columns are cut only where a scene is very wide.

    Returns:
        The scores; those of a window do not depend on the batch, nor on what is read at once.
    """
    tiles = given[0].tiles
    scores = np.full((len(model.classes), tiles.rows, tiles.cols), np.nan, np.float32)
    queue = _Queue(model, classifier, given, scores)
    spans = _spans(given, max_memory)
    with rasterio.Env(GDAL_CACHEMAX=_cache(given)):
        for number, span in enumerate(spans):
            for rows in _rows(given, span):
                if preview is not None:
                    _show(preview, given[0], rows[0])
                queue.add(rows, span)
                progress(number * tiles.rows + rows[0].row + 1, len(spans) * tiles.rows, "rows of windows")
    queue.flush()
    return Scored(scores=scores, grid=cells(given[0]), seconds=queue.seconds)


def cells(given: Given) -> Grid:
    """Return the grid whose pixels are the cells of windows."""
    tiles = given.tiles
    inner = tiles.grid
    a, b, c, d, e, f = inner.transform[:6]
    step = tiles.stride
    return Grid(
        crs=inner.crs,
        transform=rasterio.Affine(a * step, b * step, c, d * step, e * step, f),
        height=tiles.rows,
        width=tiles.cols,
    )


class _Queue:
    """Normalised windows on their way to the classifier."""

    def __init__(
        self,
        model: ClassifierSpec,
        classifier: Classifier,
        given: Sequence[Given],
        scores: NDArray[np.float32],
    ) -> None:
        self._classifier, self._given, self._scores = classifier, given, scores
        self._batch = empty_batch(model, given, classifier.batch)
        self._places: list[tuple[int, int]] = []
        self.seconds = 0.0

    def add(self, rows: Sequence[TileRow], span: range) -> None:
        """Take one row of windows of every input."""
        lists = [list(item.tiles.row_tiles(row.row)) for item, row in zip(self._given, rows, strict=True)]
        for col in span:
            windows = [row.tile(tiles[col]) for row, tiles in zip(rows, lists, strict=True)]
            if windows[0].valid.mean() < OBSERVED:
                continue
            place = len(self._places)
            for item, pixels in zip(self._given, windows, strict=True):
                target = self._batch[item.name][place]
                if pixels.valid.any():
                    item.prepare(pixels, target)
                else:
                    target[:] = 0
            self._places.append((rows[0].row, col))
            if len(self._places) == self._classifier.batch:
                self.flush()

    def flush(self) -> None:
        """Score what is there."""
        count = len(self._places)
        if not count:
            return
        begun = time.monotonic()
        found = self._classifier({name: values[:count] for name, values in self._batch.items()})
        self.seconds += time.monotonic() - begun
        where = np.array(self._places)
        self._scores[:, where[:, 0], where[:, 1]] = found.T
        self._places.clear()


def _rows(given: Sequence[Given], span: range) -> Iterator[tuple[TileRow, ...]]:
    """Rows of windows of all inputs, read ahead."""
    readers = [ahead(read_tile_rows(item.source, item.bands, item.tiles, span)) for item in given]
    yield from zip(*readers, strict=True)


def _spans(given: Sequence[Given], max_memory: int | None) -> list[range]:
    """Columns of windows that are swept together, as the input with the most bytes allows."""
    found = [
        column_bands(item.tiles, bands=len(item.bands), itemsize=4, planes=0, limit_mib=max_memory)
        for item in given
    ]
    return max(found, key=len)


def _cache(given: Sequence[Given]) -> int:
    """Bytes of decoded blocks to keep: a row of windows may touch two rows of blocks."""
    return max(2 * sum(item.scene.cache_bytes(item.bands) for item in given), LEAST_CACHE)


def _show(preview: Preview, mapped: Given, row: TileRow) -> None:
    """Give a row of windows to the preview, as the whole scene counts it."""
    preview.add_pixels(replace(row.pixels, window=mapped.source.on_source(row.pixels.window)))


def plan_windows(
    model: ClassifierSpec, classifier: Classifier, given: Sequence[Given], max_memory: int | None
) -> Plan:
    """Say what `score_windows` would do; one batch is scored to estimate the time."""
    batch = empty_batch(model, given, classifier.batch)
    classifier(batch)
    begun = time.monotonic()
    classifier(batch)
    seconds = (time.monotonic() - begun) / classifier.batch
    # As if all inputs lay on the grid of the first: the plan knows one.
    bands = sum(len(item.bands) * (item.side / given[0].side) ** 2 for item in given)
    return make_plan(
        given[0].tiles,
        _spans(given, max_memory),
        bands=math.ceil(bands),
        itemsize=4,
        planes=0,
        cache_bytes=_cache(given),
        session_mib=2 * model.weights.stat().st_size // 2**20 + 200,
        seconds_per_tile=seconds * READING,
    )
