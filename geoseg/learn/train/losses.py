"""Losses of segmentation networks over labelled pixels."""

from __future__ import annotations

from collections.abc import Sequence

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from torch.nn import functional

from geoseg.learn.samples import IGNORE
from geoseg.learn.train.training_spec import LossSpec

LEAST_WEIGHT = 0.5
"""Weight below which Dice and Lovász loss ignore a pixel; they have no weights for pixels."""

FOCUS = 2
"""Exponent of the focal loss (Lin 2017, arXiv:1708.02002)."""


def as_classes(logits: Tensor) -> Tensor:
    """Return (N, K, H, W) logits; a single plane gets a first plane of 0, so that softmax equals sigmoid."""
    return torch.cat([torch.zeros_like(logits), logits], dim=1) if logits.shape[1] == 1 else logits


def trust(label: Tensor, prior: Tensor | None, strength: float) -> Tensor:
    """Return (N, H, W) weights: 1, down to `1 - strength` where a certain prior contradicts the label.

    Where backscatter or an index is certain and the label differs, the label is more likely from another date
    than the measurement wrong.
    """
    if prior is None or strength == 0:
        return torch.ones_like(label, dtype=torch.float32)
    water = torch.sigmoid(prior[:, 0])
    contradiction = ((label == 1).to(water) - water).abs()
    return 1 - strength * (2 * contradiction - 1).clamp(min=0)


def balanced(shares: Tensor) -> Tensor:
    """Return the inverse square root of the class shares, scaled to mean 1 over the classes that occur.

    A class without pixels has weight 1 and does not change the weights of the others.
    """
    occurs = shares > 0
    weights = shares.clamp(min=1e-6).rsqrt()
    return torch.where(occurs, weights / weights[occurs].mean(), 1.0)


class Loss(nn.Module):
    """Weighted sum of cross entropy, focal, Dice and Lovász loss."""

    def __init__(self, spec: LossSpec, shares: Sequence[float]) -> None:
        """Create the loss of a config; `shares` are the class shares of the labelled training pixels."""
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
        weights = trust(label, prior, spec.trust_prior)
        total = logits.new_zeros(())
        counted = weights * (label != IGNORE)
        if spec.cross_entropy:
            each = self._each(classes, label, spec.label_smoothing)
            total = total + spec.cross_entropy * _mean(each, counted)
        if spec.focal:
            plain = functional.cross_entropy(classes, label, ignore_index=IGNORE, reduction="none")
            focus = (1 - torch.exp(-plain)) ** FOCUS
            total = total + spec.focal * _mean(focus * self._each(classes, label, 0.0), counted)
        remaining = torch.where(weights < LEAST_WEIGHT, IGNORE, label)
        if not bool((remaining != IGNORE).any()):
            return total
        for weight, loss in ((spec.dice, self._dice), (spec.lovasz, self._lovasz)):
            if weight:
                total = total + weight * loss(classes, remaining)
        return total

    def _each(self, classes: Tensor, label: Tensor, smoothing: float) -> Tensor:
        """Return (N, H, W) cross entropy, weighted by class."""
        return functional.cross_entropy(
            classes,
            label,
            weight=self.weights,
            ignore_index=IGNORE,
            reduction="none",
            label_smoothing=smoothing,
        )


def _mean(each: Tensor, counted: Tensor) -> Tensor:
    """Return the mean over pixels, weighted by `counted`."""
    return (each * counted).sum() / counted.sum().clamp(min=1)
