"""Raw output to scores and scores to classes on a device, as `runtimes.activation` and `engine.blend` do."""

from __future__ import annotations

from typing import Any

import torch

from geoseg.spec import Activation


def activate(activation: Activation, raw: Any, temperature: float = 1.0) -> Any:
    """Return the scores in 0..1 of raw output (N, K, H, W) float32.

    Args:
        activation: `none` for networks whose last layer is an activation.
        raw: of a network.
        temperature: divisor of the logits.

    Returns:
        (N, K, H, W), or (N, 1, H, W) for the softmax of two planes; its own memory.
    """
    if activation == "none":
        clipped = raw.clamp(0, 1)
        return clipped if temperature == 1 else _tempered(clipped, temperature)
    values = raw / temperature if temperature != 1 else raw
    if activation == "sigmoid":
        return torch.sigmoid(values)
    if values.shape[1] == 2:
        return torch.sigmoid(values[:, 1:] - values[:, :1])
    return torch.softmax(values, dim=1)


def _tempered(scores: Any, temperature: float) -> Any:
    raised = scores ** (1 / temperature)
    total = (
        raised + (1 - scores) ** (1 / temperature) if scores.shape[1] == 1 else raised.sum(1, keepdim=True)
    )
    return raised / total


def decide(
    scores: Any, valid: Any, values: tuple[int, ...], threshold: float, nodata: int
) -> tuple[Any, Any]:
    """Return class values and scores in 255ths, (H, W) both, of scores (K, H, W).

    Args:
        scores: in 0..1. With K = 1 the plane is the score of the second class.
        valid: (H, W); True = observed.
        values: the class value of each plane; two where K = 1. Ties go to the first.
        threshold: of K = 1; the second class wins strictly above it.
        nodata: class value of unobserved pixels.
    """
    # One byte if it is enough, because classes are copied to the host.
    kind = torch.uint8 if nodata == 255 else torch.int32
    table = torch.tensor(values, dtype=kind, device=scores.device)
    if len(scores) == 1:
        second = scores[0] > threshold
        place = second.long()
        quanta = _quantise(scores[0])
        quanta = torch.where(second, quanta, 255 - quanta)
    else:
        best, place = scores[0].clone(), torch.zeros_like(scores[0], dtype=torch.long)
        for index in range(1, len(scores)):
            wins = scores[index] > best
            place[wins] = index
            best = torch.maximum(best, scores[index])
        quanta = _quantise(best)
    classes = table[place].masked_fill_(~valid, nodata)
    quanta = quanta.masked_fill(~valid, 0)
    return classes, quanta.to(torch.uint8)


def _quantise(scores: Any) -> Any:
    """Return scores as rounded 255ths."""
    return (scores * 255 + 0.5).clamp(0, 255).to(torch.int32)
