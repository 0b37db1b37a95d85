"""Enlarge the output of a network that scores squares of several pixels."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


def enlarged(planes: NDArray[np.generic], factor: int) -> NDArray[np.float32]:
    """Return planes on a finer grid, bilinear between the centres of the pixels, constant beyond them.

    This is `torch.nn.functional.interpolate(mode="bilinear", align_corners=False)`, with which such networks
    are trained: on raw output, before the activation.

    Args:
        planes: (N, K, H, W).
        factor: of both sides, at least 1.

    Returns:
        (N, K, H factor, W factor) float32.
    """
    values = np.asarray(planes, np.float32)
    rows, cols = (_weights(size, factor) for size in values.shape[2:])
    return np.ascontiguousarray(rows @ (values @ cols.T))


@lru_cache(maxsize=8)
def _weights(size: int, factor: int) -> NDArray[np.float32]:
    """Return the weights (size factor, size) of coarse pixels in fine ones."""
    places = np.clip((np.arange(size * factor) + 0.5) / factor - 0.5, 0, size - 1)
    first = np.minimum(places.astype(int), max(size - 2, 0))
    share = (places - first).astype(np.float32)
    weights = np.zeros((size * factor, size), np.float32)
    fine = np.arange(size * factor)
    weights[fine, first] = 1 - share
    weights[fine, np.minimum(first + 1, size - 1)] += share
    return weights
