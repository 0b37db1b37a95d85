"""Tile rows dealt out to devices, and finished rows in order: the sweep of `engine.scoring` on GPUs."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context

import numpy as np
import torch
from numpy.typing import NDArray

from geoseg.engine.blend import Blend, Highest
from geoseg.engine.device.device_rows import RowScorer, RowSums
from geoseg.engine.device.device_scores import decide
from geoseg.engine.device.device_session import DeviceSession
from geoseg.engine.preview import Preview
from geoseg.engine.reading import TileRow, ahead, read_tile_rows
from geoseg.engine.scoring import Finished, Job, observed
from geoseg.grid import TileGrid, Window
from geoseg.pixels import Classes, nodata_class
from geoseg.runtimes.graph import DeviceGraph


def reaches(device: str) -> bool:
    """Whether torch can put tensors on a device."""
    return device == "cpu" or torch.cuda.is_available()


class DeviceSweep:
    """Scores tile columns on one or several devices.

    Rows are dealt out in turn, one device a thread; each device normalises, scores and blends a row for
    itself. In order, a row's sums then take the share of the row before and become classes, still on the
    device; where more is decided than the highest score, as with codes of class pairs, which are counted in
    ground area on the way, the host decides. The result is that of one device, bit for bit where the devices
    are of one kind.
    """

    def __init__(
        self,
        graphs: tuple[DeviceGraph, ...],
        session: DeviceSession,
        *,
        batch: int | None = None,
    ) -> None:
        """Take the network on each device.

        Args:
            graphs: one a device.
            session: what is done with tiles.
            batch: tiles a call; None: found by trying on the first device.
        """
        self._graphs, self._session = graphs, session
        self._batch = batch
        self._scorers: list[RowScorer] = []
        self._made_for: tuple[TileGrid, Blend] | None = None
        self.seconds = 0.0
        """Spent waiting for devices."""

    @property
    def batches(self) -> tuple[int, ...]:
        """Tiles a call on each device; empty before the first sweep."""
        return tuple(scorer.batch.size for scorer in self._scorers)

    def __call__(self, job: Job, cols: range, preview: Preview) -> Iterator[Finished]:
        """Score tile columns from top to bottom: first row, classes and scores of the finished rows.

        Raises:
            DeviceMemoryError: a device has too little memory even for the least batch.
            ModelError: the network gives what are no scores.
        """
        scorers = self._ready(job)
        span = range(max(0, cols.start - 1), min(job.tiles.cols, cols.stop + 1))
        rows = ahead(read_tile_rows(job.source, job.bands, job.tiles, span))
        finish = _Finishing(job, cols, span)
        waiting: deque[tuple[TileRow, RowScorer, Future[RowSums]]] = deque()
        with ExitStack() as stack:
            threads = [stack.enter_context(ThreadPoolExecutor(1, "geoseg-device")) for _ in scorers]
            for index, row in enumerate(rows):
                preview.add_pixels(row.pixels)
                wanted = list(observed(job.tiles, row, span))
                turn = index % len(scorers)
                pixels = scorers[turn].send(row)
                sums = threads[turn].submit(copy_context().run, scorers[turn].score, pixels, wanted, span)
                waiting.append((row, scorers[turn], sums))
                if len(waiting) > len(scorers):
                    yield self._finished(finish, *waiting.popleft())
            while waiting:
                yield self._finished(finish, *waiting.popleft())

    def _finished(
        self, finish: _Finishing, row: TileRow, scorer: RowScorer, sums: Future[RowSums]
    ) -> Finished:
        begun = time.monotonic()
        try:
            with scorer.current():
                return finish(row, sums.result())
        finally:
            self.seconds += time.monotonic() - begun

    def _ready(self, job: Job) -> list[RowScorer]:
        """Scorers for a job's tiles; the batch found on the first device is that of all."""
        if self._made_for != (job.tiles, job.blend):
            self._scorers = []
            batch = self._batch
            for graph in self._graphs:
                scorer = RowScorer(graph, self._session, job.tiles, job.blend, batch=batch)
                batch = scorer.batch.size
                self._scorers.append(scorer)
            self._made_for = (job.tiles, job.blend)
        return self._scorers


class _Finishing:
    """Joins rows from top to bottom and decides their classes."""

    def __init__(self, job: Job, cols: range, span: range) -> None:
        self._job, self._span = job, span
        stop = min(cols.stop * job.tiles.stride, job.tiles.grid.width)
        self._columns = (cols.start * job.tiles.stride, stop)
        self._shared: torch.Tensor | None = None

    def __call__(self, row: TileRow, found: RowSums) -> Finished:
        """Add what the row before shares, and decide the rows that no later one touches."""
        job, tiles = self._job, self._job.tiles
        sums = found.sums
        if self._shared is not None:
            same = self._shared.device == sums.device
            # By way of the host, so that neither device takes its memory back too early.
            sums[:, : tiles.overlap] += self._shared if same else self._shared.cpu().to(sums.device)
        self._shared = sums[:, tiles.stride :].clone()
        top = row.row * tiles.stride - tiles.margin
        last = row.row == tiles.rows - 1
        bottom = tiles.grid.height if last else top + tiles.stride
        window = Window(
            row=max(0, top),
            col=self._columns[0],
            height=bottom - max(0, top),
            width=self._columns[1] - self._columns[0],
        )
        left = self._span.start * tiles.stride - tiles.margin
        rows, cols = window.slices(Window(row=top, col=left, height=tiles.size, width=sums.shape[2]))
        if isinstance(job.decide, Highest):
            classes, quanta = decide(
                sums[:, rows, cols],
                found.pixels.valid(rows, cols),
                job.decide.values,
                job.decide.threshold,
                nodata_class(job.dtype),
            )
            return window.row, _host(classes, job.dtype), _host(quanta, np.uint8)
        valid = row.pixels.valid[window.slices(row.pixels.window)]
        decided, scores = job.decide(sums[:, rows, cols].cpu().numpy(), valid, window)
        return window.row, decided, scores


def _host(tensor: torch.Tensor, dtype: type[np.unsignedinteger]) -> Classes | NDArray[np.uint8]:
    """Bring finished rows to the host."""
    return np.asarray(tensor.cpu().numpy(), dtype)
