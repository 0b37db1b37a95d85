"""Activation: raw output of a network to scores in 0..1, in float32."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geoseg.spec import Activation


def score_planes(activation: Activation, planes: int) -> int:
    """Return the number of planes that `activate` returns."""
    return 1 if activation == "softmax" and planes == 2 else planes


def activate(
    activation: Activation, raw: NDArray[np.generic], temperature: float = 1.0
) -> NDArray[np.float32]:
    """Turn raw output into scores.

    The softmax of two planes is the sigmoid of their difference, so two classes have one plane: the score of
    the second class.

    Args:
        activation: `none` for networks that end in an activation; their scores are only clipped to 0..1.
        raw: (N, K, H, W) of any float type.
        temperature: divisor of logits (Guo 2017, arXiv:1706.04599).

    Returns:
        (N, K, H, W), or (N, 1, H, W) for the softmax of two planes; a new array.
    """
    values = raw.astype(np.float32, copy=False)
    if activation == "none":
        clipped = np.clip(values, np.float32(0), np.float32(1))
        return clipped if temperature == 1 else _tempered(clipped, temperature)
    if temperature != 1:
        values = values / np.float32(temperature)
    if activation == "sigmoid":
        return _sigmoid_of_negative(np.negative(values))
    if values.shape[1] == 2:
        return _sigmoid_of_negative(values[:, :1] - values[:, 1:])
    scores: NDArray[np.float32] = values - values.max(axis=1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=1, keepdims=True)
    return scores


def _tempered(scores: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Return the scores for logits divided by a temperature, from scores without it."""
    power = np.float32(1 / temperature)
    raised = scores**power
    total = raised + (1 - scores) ** power if scores.shape[1] == 1 else raised.sum(axis=1, keepdims=True)
    return np.asarray(raised / total, np.float32)


def _sigmoid_of_negative(negative: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return 1 / (1 + exp(x)) in place; exp may overflow to infinity, whose inverse is 0."""
    with np.errstate(over="ignore"):
        np.exp(negative, out=negative)
    negative += 1.0
    return np.reciprocal(negative, out=negative)
