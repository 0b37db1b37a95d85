"""The losses, summed over labelled pixels."""

from __future__ import annotations

from collections.abc import Sequence

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from torch.nn import functional

from geoseg.learn.samples import IGNORE
from geoseg.learn.train.training_spec import LossSpec

DOUBTED = 0.5
"""Weight below which Dice and Lovász loss, which know no weights, leave a pixel out."""

FOCUS = 2
"""Exponent of the focal loss (Lin 2017, arXiv:1708.02002)."""


def as_classes(logits: Tensor) -> Tensor:
    """(N, K, H, W) logits; one plane becomes two, the first of them 0, so that softmax equals sigmoid."""
    return torch.cat([torch.zeros_like(logits), logits], dim=1) if logits.shape[1] == 1 else logits


def trust(label: Tensor, prior: Tensor | None, strength: float) -> Tensor:
    """(N, H, W) weights: 1, or down to `1 - strength` where a sure prior contradicts the label.

    A pixel that backscatter or an index tells for sure, and whose label says the opposite, was more likely
    labelled on another day than mistaken by physics.
    """
    if prior is None or strength == 0:
        return torch.ones_like(label, dtype=torch.float32)
    water = torch.sigmoid(prior[:, 0])
    contradiction = ((label == 1).to(water) - water).abs()
    return 1 - strength * (2 * contradiction - 1).clamp(min=0)


def balanced(shares: Tensor) -> Tensor:
    """Weights by the inverse square root of the classes' shares, with mean 1 over the classes that occur.

    A class without a pixel weighs 1: it must not make the others light.
    """
    there = shares > 0
    weights = shares.clamp(min=1e-6).rsqrt()
    return torch.where(there, weights / weights[there].mean(), 1.0)


class Loss(nn.Module):
    """Cross entropy, focal, Dice and Lovász in one sum."""

    def __init__(self, spec: LossSpec, shares: Sequence[float]) -> None:
        """Take weights and the classes' shares of the training pixels."""
        super().__init__()
        self._spec = spec
        weights: Tensor | None = None
        if spec.class_weights == "balanced":
            weights = balanced(torch.tensor(shares, dtype=torch.float32))
        elif spec.class_weights is not None:
            weights = torch.tensor(spec.class_weights, dtype=torch.float32)
            weights = weights / weights.mean()
        self.register_buffer("weights", weights)
        options = {"mode": "multiclass", "ignore_index": IGNORE}
        self._dice = smp.losses.DiceLoss(**options, smooth=1.0)
        self._lovasz = smp.losses.LovaszLoss(**options)

    weights: Tensor | None

    def forward(self, logits: Tensor, label: Tensor, prior: Tensor | None) -> Tensor:
        """Return the loss of (N, K, H, W) logits against (N, H, W) classes."""
        spec = self._spec
        if not bool((label != IGNORE).any()):
            return logits.sum() * 0
        classes = as_classes(logits)
        trusted = trust(label, prior, spec.trust_prior)
        total = logits.new_zeros(())
        counted = trusted * (label != IGNORE)
        if spec.cross_entropy:
            each = self._each(classes, label, spec.label_smoothing)
            total = total + spec.cross_entropy * _mean(each, counted)
        if spec.focal:
            plain = functional.cross_entropy(classes, label, ignore_index=IGNORE, reduction="none")
            unsure = (1 - torch.exp(-plain)) ** FOCUS
            total = total + spec.focal * _mean(unsure * self._each(classes, label, 0.0), counted)
        kept = torch.where(trusted < DOUBTED, IGNORE, label)
        if not bool((kept != IGNORE).any()):
            return total
        for weight, loss in ((spec.dice, self._dice), (spec.lovasz, self._lovasz)):
            if weight:
                total = total + weight * loss(classes, kept)
        return total

    def _each(self, classes: Tensor, label: Tensor, smoothing: float) -> Tensor:
        """(N, H, W) cross entropy, weighted by class."""
        return functional.cross_entropy(
            classes,
            label,
            weight=self.weights,
            ignore_index=IGNORE,
            reduction="none",
            label_smoothing=smoothing,
        )


def _mean(each: Tensor, counted: Tensor) -> Tensor:
    """Mean over the pixels that count, by how much they do."""
    return (each * counted).sum() / counted.sum().clamp(min=1)
