"""Cosine of the angle between vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SMALLEST = 1e-12
"""Length below which a vector has no direction."""


def cosine_similarity(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the cosine of the angle between vectors, -1 to 1; NaN where one has a NaN or no direction.

    Args:
        first: (D, …).
        second: (D, …), of a shape that fits `first`.

    Returns:
        (…) float32.
    """
    product = np.einsum("d...,d...->...", first, second, dtype=np.float64)
    lengths = np.linalg.norm(first, axis=0) * np.linalg.norm(second, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = np.where(lengths > SMALLEST, product / lengths, np.nan)
    return np.asarray(np.clip(cosine, -1, 1), np.float32)
