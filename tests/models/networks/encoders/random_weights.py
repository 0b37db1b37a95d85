"""The random weights of bench/encoder_oracles.py: each is drawn by a seed from its name."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

GOLDEN = Path(__file__).with_name("golden")
EVERY = 7
"""Of the 196 tokens of an image of 224 pixels, one of so many is in the golden files."""


def weights(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, NDArray[np.float32]]:
    made = {}
    for name, shape in shapes.items():
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        values = rng.normal(0, 0.05, shape) + (1.0 if "norm" in name and name.endswith("weight") else 0.0)
        made[name] = values.astype(np.float32)
    return made


def image(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).normal(0, 1, shape).astype(np.float32)


def tokens(level: NDArray[np.float32], dates: int, step: int = 1) -> NDArray[np.float32]:
    """Features (1, T * D, h, w) as tokens (1, T * P / step, D)."""
    count, wide, rows, cols = level.shape
    return (
        level.reshape(count, dates, wide // dates, rows * cols)
        .transpose(0, 1, 3, 2)
        .reshape(count, dates * rows * cols, wide // dates)[:, ::step]
    )
