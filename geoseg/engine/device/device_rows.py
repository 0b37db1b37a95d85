"""Score the tiles of a row on one device; the blended sums stay there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from geoseg.engine.blend import Blend, profile, reached
from geoseg.engine.device.device_batch import Batch, find_batch
from geoseg.engine.device.device_pixels import DevicePixels
from geoseg.engine.device.device_session import DeviceSession
from geoseg.engine.reading import TileRow
from geoseg.runtimes.graph import DeviceGraph
from geoseg.tile_grid import Tile, TileGrid


class RowScorer:
    """Scores tile rows on one device.

    The sums of a row start from zero and are added in tile order on any device and with any batch; the
    overlap with the row before is added later. So the result does not depend on the device of a row.
    """

    def __init__(
        self,
        graph: DeviceGraph,
        session: DeviceSession,
        tiles: TileGrid,
        blend: Blend,
        *,
        batch: int | None,
    ) -> None:
        """Use a network on its device.

        Args:
            graph: of the network.
            session: scores the tiles.
            tiles: how the grid is cut.
            blend: how overlapping tiles are joined.
            batch: tiles a call; None: measured.
        """
        self.device = torch.device(graph.device)
        self._graph, self._session = graph, session
        self._tiles, self._blend = tiles, blend
        on_cuda = self.device.type == "cuda"
        self._stream = torch.cuda.Stream(self.device) if on_cuda else None
        self._copying = torch.cuda.Stream(self.device) if on_cuda else None
        self._weights: dict[tuple[int, ...], Any] = {}
        allowed = graph.batches
        with self.current():
            size = batch or find_batch(self._try, allowed, tiles.cols, self.device)
        self.batch = Batch(max(allowed.start, min(size, allowed.stop - 1)), least=allowed.start)

    @contextmanager
    def current(self) -> Iterator[None]:
        """Run the block on this device's own stream."""
        with torch.inference_mode():
            if self._stream is None:
                yield
                return
            with torch.cuda.device(self.device), torch.cuda.stream(self._stream):
                yield

    def send(self, row: TileRow) -> DevicePixels:
        """Copy the pixels of a row to the device; on CUDA while the row before is scored."""
        with torch.inference_mode():
            if self._copying is None:
                return DevicePixels(self._session.normaliser, row.pixels, self.device)
            with torch.cuda.device(self.device), torch.cuda.stream(self._copying):
                return DevicePixels(self._session.normaliser, row.pixels, self.device)

    def score(self, pixels: DevicePixels, wanted: list[Tile], span: range) -> Any:
        """Score the tiles of a row.

        Args:
            pixels: of the row, sent before.
            wanted: tiles that hold any observed pixel, from left to right.
            span: tile columns of the row.

        Returns:
            Blended scores (K, size, width) float32 on the device, without the overlap of other rows.

        Raises:
            ModelError: the network returns NaN.
            DeviceMemoryError: the smallest batch does not fit.
        """
        tiles = self._tiles
        with self.current():
            pixels.arrive(self._stream)
            width = tiles.span_window(0, span).width
            sums = torch.zeros((self._session.planes, tiles.size, width), device=self.device)
            whole = torch.ones((), dtype=torch.bool, device=self.device)

            def work(first: int, count: int) -> None:
                part = wanted[first : first + count]
                if self._blend != "crop":
                    # All weights before the first tile is added: a call that runs out of memory is repeated.
                    for tile in part:
                        self._weight(tile)
                lefts = [tile.halo.col - tiles.across.starts[span.start] for tile in part]
                # The last batch is padded, so that all calls have one shape and one set of kernels.
                batch = pixels.tiles(lefts, tiles.size, self.batch.size)
                scores = self._session(self._graph, batch)[:count]
                whole.logical_and_(~torch.isnan(scores.amin()))
                for tile, left, own in zip(part, lefts, scores, strict=True):
                    self._add(sums, tile, left, own)

            self.batch.run(len(wanted), work)
            # Checked once a row: each check makes the device wait.
            if not bool(whole):
                raise self._session.network.nan_error(self._graph.description)
        return sums

    def _try(self, count: int) -> object:
        side = self._tiles.size
        blank = torch.zeros((count, self._session.normaliser.channels, side, side), device=self.device)
        return self._session(self._graph, blank)

    def _add(self, sums: Any, tile: Tile, left: int, scores: Any) -> None:
        """Blend one tile into its row."""
        if self._blend == "crop":
            rows, cols = tile.core.slices(tile.halo)
            into = slice(left + cols.start, left + cols.stop)
            sums[:, rows, into] = scores[:, rows, cols]
            return
        # In place, so that nothing can run out of memory between two tiles of a batch.
        rows, cols = reached(self._tiles, tile)
        into = slice(left + cols.start, left + cols.stop)
        sums[:, rows, into].addcmul_(scores[:, rows, cols], self._weight(tile))

    def _weight(self, tile: Tile) -> Any:
        """Blend weights of the part of a tile that it adds to; many tiles have the same."""
        tiles = self._tiles
        rows, cols = reached(tiles, tile)
        ends = (tile.row == 0, tile.row == tiles.rows - 1, tile.col == 0, tile.col == tiles.cols - 1)
        key = (*ends, rows.stop - rows.start, cols.stop - cols.start)
        if key not in self._weights:
            down = profile(tiles.down, tile.row, tiles.size)
            right = profile(tiles.across, tile.col, tiles.size)
            self._weights[key] = torch.from_numpy(down[:, None] * right).to(self.device)
        return self._weights[key]
