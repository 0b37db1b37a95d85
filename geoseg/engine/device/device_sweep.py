"""The sweep of `engine.scoring` on GPUs: tile rows are distributed to devices and finished in order."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from geoseg.engine.blend import Blend, Decide, Highest, decide_rows, finished_window, shared_rows
from geoseg.engine.checkpoint import Finished
from geoseg.engine.device.device_pixels import DevicePixels
from geoseg.engine.device.device_rows import RowScorer
from geoseg.engine.device.device_session import DeviceSession
from geoseg.engine.preview import Preview
from geoseg.engine.reading import TileRow, ahead, read_tile_rows
from geoseg.engine.scoring import Job, observed_tiles
from geoseg.pixels import NODATA_CLASS, Classes
from geoseg.runtimes.graph import DeviceGraph
from geoseg.tile_grid import TileGrid


def reaches(device: str) -> bool:
    """Return whether torch can use a device."""
    return device == "cpu" or torch.cuda.is_available()


class DeviceSweep:
    """Scores tile columns on one or several devices.

    Rows are distributed in turn, with one thread a device; each device normalises, scores and blends a row.
    In row order, the sums of the row before are then added in the overlap, and the device decides the
    classes. The host decides if the decision is not the highest score, such as codes of class pairs,
    whose area is counted. The result equals that of one device, bit for bit on devices of the same model.
    """

    def __init__(
        self,
        graphs: tuple[DeviceGraph, ...],
        session: DeviceSession,
        *,
        batch: int | None = None,
    ) -> None:
        """Use the network on each device.

        Args:
            graphs: one for each device.
            session: scores the tiles.
            batch: tiles a call; None: measured on the first device.
        """
        self._graphs, self._session = graphs, session
        self._batch = batch
        self._scorers: list[RowScorer] = []
        self._made_for: tuple[TileGrid, Blend] | None = None

    @property
    def batches(self) -> tuple[int, ...]:
        """Return the batch size of each device; empty before the first sweep."""
        return tuple(scorer.batch.size for scorer in self._scorers)

    def __call__(self, job: Job, cols: range, preview: Preview) -> Iterator[Finished]:
        """Score tile columns from top to bottom and yield finished rows.

        Raises:
            DeviceMemoryError: a device has too little memory for the smallest batch.
            ModelError: the network returns NaN.
        """
        scorers = self._ready(job)
        span = range(max(0, cols.start - 1), min(job.tiles.cols, cols.stop + 1))
        rows = ahead(read_tile_rows(job.recipe.source, job.recipe.bands, job.tiles, span))
        finish = _Finishing(job, cols, span)
        waiting: deque[tuple[TileRow, RowScorer, DevicePixels, Future[Any]]] = deque()
        with ExitStack() as stack:
            threads = [stack.enter_context(ThreadPoolExecutor(1, "geoseg-device")) for _ in scorers]
            for index, row in enumerate(rows):
                preview.add_pixels(row.pixels)
                wanted = list(observed_tiles(job.tiles, row, span))
                turn = index % len(scorers)
                pixels = scorers[turn].send(row)
                sums = threads[turn].submit(copy_context().run, scorers[turn].score, pixels, wanted, span)
                waiting.append((row, scorers[turn], pixels, sums))
                if len(waiting) > len(scorers):
                    yield _timed(job, finish, *waiting.popleft())
            while waiting:
                yield _timed(job, finish, *waiting.popleft())

    def _ready(self, job: Job) -> list[RowScorer]:
        """Return the scorers of a job's tiles; all use the batch measured on the first device."""
        blend = job.recipe.blend
        if self._made_for != (job.tiles, blend):
            self._scorers = []
            batch = self._batch
            for graph in self._graphs:
                scorer = RowScorer(graph, self._session, job.tiles, blend, batch=batch)
                batch = scorer.batch.size
                self._scorers.append(scorer)
            self._made_for = (job.tiles, blend)
        return self._scorers


def _timed(
    job: Job,
    finish: _Finishing,
    row: TileRow,
    scorer: RowScorer,
    pixels: DevicePixels,
    sums: Future[Any],
) -> Finished:
    """Finish a row and add the time spent waiting for devices to the job."""
    begun = time.monotonic()
    try:
        with scorer.current():
            return finish(row, pixels, sums.result())
    finally:
        job.seconds += time.monotonic() - begun


class _Finishing:
    """Adds the overlap of rows from top to bottom and decides their classes."""

    def __init__(self, job: Job, cols: range, span: range) -> None:
        self._tiles, self._cols, self._span = job.tiles, cols, span
        self._decide: Decide = job.recipe.decision
        self._dtype = job.recipe.dtype
        self._shared: torch.Tensor | None = None

    def __call__(self, row: TileRow, pixels: DevicePixels, sums: Any) -> Finished:
        """Add the overlap with the row before to the sums of a row, and decide the rows that are final."""
        tiles, decision = self._tiles, self._decide
        if self._shared is not None:
            same = self._shared.device == sums.device
            # Through the host, so that neither device releases its memory too early.
            shared = self._shared if same else self._shared.cpu().to(sums.device)
            sums[:, : shared.shape[1]] += shared
        self._shared = sums[:, tiles.size - shared_rows(tiles, row.row) :].clone()
        window, (rows, cols) = finished_window(tiles, row.row, self._cols, self._span)
        if isinstance(decision, Highest):
            classes, quanta = decide_rows(sums[:, rows, cols], decision.values, decision.threshold, torch)
            hidden = ~pixels.valid(rows, cols)
            classes.masked_fill_(hidden, NODATA_CLASS)
            quanta.masked_fill_(hidden, 0)
            return window.row, _host(classes, self._dtype), _host(quanta, np.uint8)
        valid = row.pixels.valid[window.slices(row.pixels.window)]
        decided, scores = decision(sums[:, rows, cols].cpu().numpy(), valid, window)
        return window.row, decided, scores


def _host(tensor: torch.Tensor, dtype: type[np.unsignedinteger]) -> Classes | NDArray[np.uint8]:
    """Copy finished rows to the host."""
    return np.asarray(tensor.cpu().numpy(), dtype)
