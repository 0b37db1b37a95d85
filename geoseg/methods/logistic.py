"""Scores from the distance to a threshold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def logistic(
    values: NDArray[np.float32], threshold: float, scale: float, *, below: bool
) -> NDArray[np.float32]:
    """Return 1 / (1 + exp(-z)), 0..1, with z the signed distance from the threshold divided by `scale`.

    Args:
        values: any shape; the score of NaN is 0.
        threshold: value with a score of 0.5.
        scale: distance from the threshold with a score of 0.73.
        below: whether values below the threshold have scores above 0.5; else values above it.
    """
    sign = np.float32(scale if below else -scale)
    z: NDArray[np.float32] = values - np.float32(threshold)
    z /= sign
    with np.errstate(over="ignore"):
        np.exp(z, out=z)
    z += 1
    np.reciprocal(z, out=z)
    np.fmax(z, np.float32(0), out=z)
    return z
