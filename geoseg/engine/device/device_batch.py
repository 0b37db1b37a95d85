"""How many tiles a call carries: as many as pay and as the device's memory holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

from geoseg.runtimes.cuda import DeviceMemoryError

PAYS = 1.05
"""How much faster a doubled batch must be, to be worth its memory."""

MOST = 256
"""Tiles; more never paid for tiles of useful size."""

TRIES = 2
"""Timed calls a size, after one that is not."""

MEMORY_ERRORS = (torch.OutOfMemoryError, DeviceMemoryError)


class Batch:
    """The batch size of one device: found by doubling, halved where memory runs out."""

    def __init__(self, size: int, *, least: int = 1) -> None:
        """Start with a size.

        Args:
            size: tiles a call.
            least: tiles below which there is nothing to halve.
        """
        self.size = size
        self._least = least

    def run(self, count: int, work: Callable[[int, int], None]) -> None:
        """Work through `count` tiles in batches; a batch that does not fit is tried again at half the size.

        Args:
            count: tiles.
            work: does the tiles from its first argument on, as many as its second says. Where it runs out
                of memory it must have changed nothing: it is called again.

        Raises:
            DeviceMemoryError: not even the least batch fits.
        """
        done = 0
        while done < count:
            step = min(self.size, count - done)
            try:
                work(done, step)
            except MEMORY_ERRORS as error:
                if self.size <= self._least:
                    raise DeviceMemoryError(
                        f"the device has too little memory for {self.size} tiles at once; say a smaller "
                        "--tile, or --device cpu"
                    ) from error
            else:
                done += step
                continue
            # Only here: what the failed call held is gone with its error.
            self.size = max(self._least, self.size // 2)
            torch.cuda.empty_cache()


def find_batch(run: Callable[[int], object], allowed: range, row: int, device: Any) -> int:
    """Find the batch size of a device: doubled until memory, throughput or a row of tiles stops.

    Batches do not reach beyond a row, and its last one is filled up: a row of 25 tiles is done in two batches
    of 13 rather than of 16.

    Args:
        run: scores a number of tiles.
        allowed: sizes that the network takes.
        row: tiles of a row.
        device: of torch.

    Raises:
        DeviceMemoryError: not even the least size fits.
    """
    best, rate = 0, 0.0
    least = allowed.start
    most = max(least, min(allowed.stop - 1, row, MOST))
    for size in _doubled(least, most):
        try:
            found = size / _seconds(run, size, device)
        except MEMORY_ERRORS as error:
            if not best:
                raise DeviceMemoryError(
                    f"{device}: too little memory for {size} tiles at once; say a smaller --tile"
                ) from error
            found = 0.0
        if best and found < rate * PAYS:
            break
        best, rate = size, found
    # What larger sizes took is free for others, such as TensorRT.
    torch.cuda.empty_cache()
    return max(least, -(-row // -(-row // best)))


def _doubled(least: int, most: int) -> Iterator[int]:
    """Sizes from the least to the most, each twice the one before but for the last."""
    size = least
    while size < most:
        yield size
        size *= 2
    yield most


def _seconds(run: Callable[[int], object], size: int, device: Any) -> float:
    """Seconds of a call, after a first one that sets up."""
    run(size)
    _finish(device)
    begun = time.perf_counter()
    for _ in range(TRIES):
        run(size)
    _finish(device)
    return max((time.perf_counter() - begun) / TRIES, 1e-9)


def _finish(device: Any) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
