"""Lightning module of a scene classifier: loss, validation score and optimiser."""

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
"""(N, C, side, side) images of each sensor, and (N, K) targets of 0 and 1."""


class ClassifierModule(lightning.LightningModule):
    """A scene classifier with its loss and validation score."""

    def __init__(
        self, spec: SceneTrainSpec, positive_weights: Sequence[float] | None = None, *, fetch: bool = True
    ) -> None:
        """Build the network and the loss.

        Args:
            spec: the config.
            positive_weights: weight of the positives of each class; None: the same as of negatives.
            fetch: whether to download pretrained weights.
        """
        super().__init__()
        self.spec = spec
        self.network = build_network(spec, fetch=fetch)
        weights = None if positive_weights is None else torch.tensor(list(positive_weights))
        # Not part of the network: checkpoints do not contain it.
        self.register_buffer("weights", weights, persistent=False)
        self._validated: list[tuple[Tensor, Tensor]] = []

    weights: Tensor | None

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        """Return the loss of a batch."""
        images, target = batch
        loss = self._loss(self.network(*images), target)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(target))
        return loss

    def validation_step(self, batch: Batch, _index: int) -> None:
        """Log the loss of a batch and store its logits and targets."""
        images, target = batch
        logits = self.network(*images)
        self.log("val_loss", self._loss(logits, target), on_epoch=True, batch_size=len(target))
        self._validated.append((logits.float().cpu(), target.cpu()))

    def on_validation_epoch_end(self) -> None:
        """Log the mean average precision over all validation sites."""
        logits, target = (torch.cat(parts).numpy() for parts in zip(*self._validated, strict=True))
        self._validated.clear()
        self.log("val_ap", macro(per_class(target > 0, logits)))

    def configure_optimizers(self) -> Any:
        """Return AdamW with warm-up and cosine decay."""
        return optimisers(self, self.spec.loop)

    def _loss(self, logits: Tensor, target: Tensor) -> Tensor:
        smooth = self.spec.loss.label_smoothing
        smoothed = target * (1 - 2 * smooth) + smooth
        return functional.binary_cross_entropy_with_logits(logits, smoothed, pos_weight=self.weights)


def build_network(spec: SceneTrainSpec, *, fetch: bool) -> SceneClassifier:
    """Build the network of a config.

    Args:
        spec: the config.
        fetch: whether to download pretrained weights.

    Raises:
        UsageError: timm has no such encoder.
    """
    return build_classifier(
        spec.network.encoder,
        {sensor.name: (len(sensor.bands), spec.side(sensor)) for sensor in spec.sensors},
        len(spec.classes),
        pretrained=spec.network.pretrained and fetch,
        dropout=spec.network.dropout,
    )
