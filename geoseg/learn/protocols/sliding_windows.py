"""Logits of whole images by the sliding window of PANGAEA, averaged where windows overlap."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

WINDOWS_AT_ONCE = 8


def window_starts(side: int, size: int) -> tuple[int, ...]:
    """Return the first pixel of each window along an axis.

    ceil(side / size) windows, evenly from the first to the last pixel: 512 pixels have windows of 224 at 0,
    144 and 288.

    Args:
        side: pixels of the image.
        size: pixels of a window, at most `side`.
    """
    return tuple(int(start) for start in np.round(np.linspace(0, side - size, ceil(side / size))))


def sliding_logits(network: Callable[[Tensor], Tensor], planes: Tensor, size: int) -> Tensor:
    """Return (K, H, W) logits of an image.

    Args:
        network: (N, C, size, size) to (N, K, size, size) logits.
        planes: (C, H, W) normalised bands; an image smaller than a window is padded by 0, the mean.
        size: side of a window.
    """
    height, width = planes.shape[-2:]
    padded = functional.pad(planes, (0, max(size - width, 0), 0, max(size - height, 0)))
    rows, cols = (window_starts(side, size) for side in padded.shape[-2:])
    places = [(row, col) for row in rows for col in cols]
    total: Tensor | None = None
    count = padded.new_zeros(padded.shape[-2:])
    for first in range(0, len(places), WINDOWS_AT_ONCE):
        some = places[first : first + WINDOWS_AT_ONCE]
        windows = torch.stack([padded[:, row : row + size, col : col + size] for row, col in some])
        logits = network(windows)
        if total is None:
            total = logits.new_zeros((logits.shape[1], *padded.shape[-2:]))
        for (row, col), part in zip(some, logits, strict=True):
            total[:, row : row + size, col : col + size] += part
            count[row : row + size, col : col + size] += 1
    if total is None:
        raise ValueError(f"an image of {height} x {width} pixels has no window")
    return (total / count)[:, :height, :width]
