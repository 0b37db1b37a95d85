"""Batch size of a device: the fastest that fits into its memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

from geoseg.runtimes.cuda import DeviceMemoryError

PAYS = 1.05
"""Least speed-up for which a doubled batch is used."""

MOST = 256
"""Largest batch in tiles; larger ones were not faster."""

TRIES = 2
"""Timed calls for each size, after one warm-up."""

MEMORY_ERRORS = (torch.OutOfMemoryError, DeviceMemoryError)


class Batch:
    """Batch size of one device, halved when memory runs out."""

    def __init__(self, size: int, *, least: int = 1) -> None:
        """Start with a size.

        Args:
            size: tiles a call.
            least: smallest number of tiles a call.
        """
        self.size = size
        self._least = least

    def run(self, count: int, work: Callable[[int, int], None]) -> None:
        """Process `count` tiles in batches; a batch that does not fit is repeated at half the size.

        Args:
            count: tiles.
            work: processes tiles, given the first and their number. It is called again after it ran out of
                memory, and must not have changed anything then.

        Raises:
            DeviceMemoryError: the smallest batch does not fit.
        """
        done = 0
        while done < count:
            step = min(self.size, count - done)
            try:
                work(done, step)
            except MEMORY_ERRORS as error:
                if self.size <= self._least:
                    raise DeviceMemoryError(
                        f"the device has too little memory for a batch of {self.size} tiles; give a smaller "
                        "`--tile`, or `--device cpu`"
                    ) from error
            else:
                done += step
                continue
            # Only after the handler: the memory of the failed call is released with its error.
            self.size = max(self._least, self.size // 2)
            torch.cuda.empty_cache()


def find_batch(run: Callable[[int], object], allowed: range, row: int, device: Any) -> int:
    """Return the batch size of a device, doubled up to the limit of memory, throughput or a row of tiles.

    Batches do not extend over a row, and the last one is padded: a row of 25 tiles is processed in two
    batches of 13 rather than of 16.

    Args:
        run: scores a number of tiles.
        allowed: sizes that the network accepts.
        row: tiles of a row.
        device: of torch.

    Raises:
        DeviceMemoryError: the smallest size does not fit.
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
                    f"{device}: too little memory for a batch of {size} tiles; give a smaller `--tile`"
                ) from error
            found = 0.0
        if best and found < rate * PAYS:
            break
        best, rate = size, found
    # Release the memory of larger sizes for others, such as TensorRT.
    torch.cuda.empty_cache()
    return max(least, -(-row // -(-row // best)))


def _doubled(least: int, most: int) -> Iterator[int]:
    """Yield sizes from `least` to `most`, each twice the one before except the last."""
    size = least
    while size < most:
        yield size
        size *= 2
    yield most


def _seconds(run: Callable[[int], object], size: int, device: Any) -> float:
    """Return the seconds of a call, after one warm-up."""
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
