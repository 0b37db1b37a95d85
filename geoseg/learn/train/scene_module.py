"""A scene classifier in Lightning's hands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightning
import torch
from torch import Tensor
from torch.nn import functional

from geoseg.learn.train.scene_spec import SceneTrainSpec
from geoseg.learn.train.training_module import optimisers
from geoseg.methods.ranking import macro, per_class
from geoseg.models.networks.classification import SceneClassifier, build_classifier

Batch = tuple[Sequence[Tensor], Tensor]
"""(N, C, side, side) of each sensor, and (N, K) of 0 and 1."""


class SceneTraining(lightning.LightningModule):
    """One training."""

    def __init__(
        self, spec: SceneTrainSpec, positive_weights: Sequence[float] | None = None, *, fetch: bool = True
    ) -> None:
        """Build network and loss.

        Args:
            spec: of the training.
            positive_weights: how much positives of each class count; None: as much as negatives.
            fetch: whether pretrained weights are wanted.
        """
        super().__init__()
        self.spec = spec
        self.network = build_network(spec, fetch=fetch)
        weights = None if positive_weights is None else torch.tensor(list(positive_weights))
        # Not part of the network: a checkpoint is loaded without it.
        self.register_buffer("weights", weights, persistent=False)
        self._seen: list[tuple[Tensor, Tensor]] = []

    weights: Tensor | None

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        """Return the loss of a batch."""
        images, truth = batch
        loss = self._loss(self.network(*images), truth)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(truth))
        return loss

    def validation_step(self, batch: Batch, _index: int) -> None:
        """Keep scores and truth."""
        images, truth = batch
        logits = self.network(*images)
        self.log("val_loss", self._loss(logits, truth), on_epoch=True, batch_size=len(truth))
        self._seen.append((logits.float().cpu(), truth.cpu()))

    def on_validation_epoch_end(self) -> None:
        """Log the mean average precision over all sites."""
        logits, truth = (torch.cat(parts).numpy() for parts in zip(*self._seen, strict=True))
        self._seen.clear()
        self.log("val_ap", macro(per_class(truth > 0, logits)))

    def configure_optimizers(self) -> Any:
        """AdamW; the rate rises, then falls as a cosine."""
        return optimisers(self, self.spec.loop)

    def _loss(self, logits: Tensor, truth: Tensor) -> Tensor:
        smooth = self.spec.loss.label_smoothing
        target = truth * (1 - 2 * smooth) + smooth
        return functional.binary_cross_entropy_with_logits(logits, target, pos_weight=self.weights)


def build_network(spec: SceneTrainSpec, *, fetch: bool) -> SceneClassifier:
    """Build the network of a config.

    Args:
        spec: the config.
        fetch: whether pretrained weights are wanted.

    Raises:
        UsageError: timm knows no such encoder.
    """
    return build_classifier(
        spec.network.encoder,
        {sensor.name: (len(sensor.bands), spec.side(sensor)) for sensor in spec.sensors},
        len(spec.classes),
        pretrained=spec.network.pretrained and fetch,
        dropout=spec.network.dropout,
    )
