"""Activation: raw output of a network to scores in 0..1, in float32, on arrays of numpy and of torch."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from geoseg.spec import Activation


def score_planes(activation: Activation, planes: int) -> int:
    """Return the number of planes that `activate` returns."""
    return 1 if activation == "softmax" and planes == 2 else planes


def activate(activation: Activation, raw: Any, temperature: float = 1.0, arrays: ModuleType = np) -> Any:
    """Turn raw output into scores.

    The softmax of two planes is the sigmoid of their difference, so two classes have one plane: the score of
    the second class.

    Args:
        activation: `none` for networks that end in an activation; their scores are only clipped to 0..1.
            `linear` for features, which are not changed.
        raw: (N, K, H, W) of any float type; not changed.
        temperature: divisor of logits (Guo 2017, arXiv:1706.04599).
        arrays: numpy or torch, the library of `raw`.

    Returns:
        (N, K, H, W), or (N, 1, H, W) for the softmax of two planes; a new array.
    """
    if activation == "linear":
        return arrays.asarray(raw, dtype=arrays.float32).copy() if arrays is np else raw.float().clone()
    values = arrays.asarray(raw, dtype=arrays.float32)
    if activation == "none":
        clipped = arrays.clip(values, 0, 1)
        return clipped if temperature == 1 else _tempered(clipped, temperature)
    if temperature != 1:
        values = values / temperature
    if activation == "sigmoid":
        return _sigmoid_of_negative(arrays.negative(values), arrays)
    if values.shape[1] == 2:
        return _sigmoid_of_negative(values[:, :1] - values[:, 1:], arrays)
    scores = values - arrays.amax(values, axis=1, keepdims=True)
    arrays.exp(scores, out=scores)
    scores /= scores.sum(axis=1, keepdims=True)
    return scores


def _tempered(scores: Any, temperature: float) -> Any:
    """Return the scores for logits divided by a temperature, from scores without it."""
    power = np.float32(1 / temperature)
    raised = scores**power
    total = raised + (1 - scores) ** power if scores.shape[1] == 1 else raised.sum(axis=1, keepdims=True)
    return raised / total


def _sigmoid_of_negative(negative: Any, arrays: ModuleType) -> Any:
    """Return 1 / (1 + exp(x)) in place; exp may overflow to infinity, whose inverse is 0."""
    with np.errstate(over="ignore"):
        arrays.exp(negative, out=negative)
    negative += 1.0
    return arrays.reciprocal(negative, out=negative)
