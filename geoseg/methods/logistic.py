"""Scores of values that a threshold divides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def logistic(
    values: NDArray[np.float32], threshold: float, scale: float, *, below: bool
) -> NDArray[np.float32]:
    """Return 1 / (1 + exp(-z)), 0..1, with z the signed distance from the threshold in scales; 0 for NaN.

    Args:
        values: any shape.
        threshold: where the score is 0.5.
        scale: distance from the threshold at which the score is 0.73.
        below: whether values below the threshold score above 0.5, else those above it.
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
