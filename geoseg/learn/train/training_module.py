"""Lightning module of a segmentation network: loss, validation score and optimiser."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torchmetrics.classification import MulticlassConfusionMatrix

from geoseg.bundles.encoder_files import weights_file
from geoseg.learn.samples import IGNORE
from geoseg.learn.train.losses import Loss, as_classes
from geoseg.learn.train.training_spec import PaceSpec, TrainSpec
from geoseg.models.networks.encoder_network import EncoderNetwork, learning_rates
from geoseg.models.networks.segmentation import build


class SegmentationModule(lightning.LightningModule):
    """A segmentation network with its loss and validation score."""

    def __init__(
        self,
        spec: TrainSpec,
        statistics: Sequence[tuple[float, float]],
        shares: Sequence[float],
        *,
        fetch: bool = True,
    ) -> None:
        """Build the network and the loss.

        Args:
            spec: the config.
            statistics: mean and std of each band.
            shares: share of each class in the labelled training pixels.
            fetch: whether to download pretrained weights.
        """
        super().__init__()
        self.spec = spec
        network = (
            spec.network if fetch else spec.network.model_copy(update={"pretrained": None, "weights": "none"})
        )
        self.network = build(
            network,
            bands=[band.name for band in spec.bands],
            classes=len(spec.classes),
            statistics=statistics,
            scale=spec.scale,
            size=spec.loop.crop,
            gsd=spec.resolution,
            weights=weights_of(spec) if fetch else None,
        )
        self.loss = Loss(spec.loss, shares)
        self.confusion = MulticlassConfusionMatrix(len(spec.classes), ignore_index=IGNORE)

    def training_step(self, batch: tuple[Tensor, Tensor], _index: int) -> Tensor:
        """Return the loss of a batch."""
        planes, label = batch
        prior = self.network.prior_logit(planes) if self.spec.loss.trust_prior else None
        loss: Tensor = self.loss(self.network(planes), label, prior)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(label))
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], _index: int) -> None:
        """Log the loss of a batch and add it to the error matrix."""
        planes, label = batch
        logits = self.network(planes)
        self.log("val_loss", self.loss(logits, label, None), on_epoch=True, batch_size=len(label))
        self.confusion.update(as_classes(logits).argmax(dim=1), label)

    def on_validation_epoch_end(self) -> None:
        """Log the IoU over all validation pixels: of the second of two classes, else the mean."""
        matrix = self.confusion.compute().double()
        self.confusion.reset()
        correct = matrix.diagonal()
        union = matrix.sum(0) + matrix.sum(1) - correct
        iou = correct / union.clamp(min=1)
        score = iou[1] if len(iou) == 2 else iou[union > 0].mean()
        self.log("val_iou", score.float())

    def configure_optimizers(self) -> Any:
        """Return AdamW with warm-up and cosine decay."""
        return optimisers(self, self.spec.loop, self.spec.network.layer_decay)


def weights_of(spec: TrainSpec) -> Path | None:
    """Return the file of the encoder's published weights; None where none are used, or timm finds them.

    Raises:
        ModelError: the file is not on this machine.
    """
    asked, encoder = spec.network.weights, spec.described_encoder
    if asked in {"none", "timm"}:
        return None
    if encoder is not None:
        if asked == "auto" and encoder.weights is None:
            return None
        return weights_file(encoder, asked, key="network.weights")
    return None if asked == "auto" else Path(asked)


def optimisers(
    module: lightning.LightningModule, loop: PaceSpec, decay: float = 1.0, beside: Iterable[nn.Parameter] = ()
) -> dict[str, Any]:
    """Return AdamW for a module's `network`, with linear warm-up and cosine decay of the learning rate.

    Args:
        module: trains the weights of its network that need gradients.
        loop: rate and weight decay.
        decay: factor of the rate from a block of an encoder to the block below it.
        beside: weights that only training has.
    """
    body = getattr(module.network, "body", None)
    weights: Any = (
        learning_rates(body, loop.learning_rate, decay)
        if isinstance(body, EncoderNetwork)
        else [{"params": [weight for weight in module.network.parameters() if weight.requires_grad]}]
    )
    further = [weight for weight in beside if weight.requires_grad]
    if further:
        weights.append({"params": further})
    optimiser = torch.optim.AdamW(weights, lr=loop.learning_rate, weight_decay=loop.weight_decay)
    steps = max(int(module.trainer.estimated_stepping_batches), 1)
    warm_up = max(round(steps * loop.warm_up), 1)

    def rate(step: int) -> float:
        if step < warm_up:
            return (step + 1) / warm_up
        return 0.5 * (1 + math.cos(math.pi * min((step - warm_up) / max(steps - warm_up, 1), 1)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, rate)
    return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
