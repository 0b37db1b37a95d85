"""Lightning module that learns from two modalities, of which the network needs one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from geoseg.learn.samples import IGNORE
from geoseg.learn.train.helper_spec import HelperSpec
from geoseg.learn.train.training_module import SegmentationModule, optimisers, weights_of
from geoseg.learn.train.training_spec import TrainSpec
from geoseg.models.networks.segmentation import build
from geoseg.models.networks.two_modalities import TwoModalities
from geoseg.spec.band_names import plain_name


class TwoModalityModule(SegmentationModule):
    """A segmentation network that a second modality helps to train; validation is without it."""

    def __init__(
        self,
        spec: TrainSpec,
        helper: HelperSpec,
        statistics: Sequence[tuple[float, float]],
        helper_statistics: Sequence[tuple[float, float]],
        shares: Sequence[float],
    ) -> None:
        """Build the networks and the losses.

        Args:
            spec: the config.
            helper: its second modality.
            statistics: mean and std of each band.
            helper_statistics: those of the second modality.
            shares: share of each class in the labelled training pixels.
        """
        super().__init__(spec, statistics, shares)
        self.helper = helper
        beside = build(
            spec.network.model_copy(update={"features": "none"}),
            bands=[plain_name(name) for name in helper.names],
            classes=len(spec.classes),
            statistics=helper_statistics,
            scale=helper.scale,
            size=spec.loop.crop,
            gsd=spec.resolution,
            weights=weights_of(spec),
        )
        self.both = TwoModalities(self.network, beside, helper.share)

    def training_step(self, batch: tuple[Tensor, Tensor], _index: int) -> Tensor:
        """Return the loss of a batch, whose last planes are those of the second modality and its mask."""
        planes, label = batch
        count = len(self.helper.bands) + 1
        own, beside, observed = planes[:, :-count], planes[:, -count:-1], planes[:, -1:]
        learned = self.both(self.network, own, beside, observed)
        prior = self.network.prior_logit(own) if self.spec.loss.trust_prior else None
        hidden = torch.where(observed[:, 0] > 0, label, IGNORE)
        parts = {
            "alone": self.loss(learned.alone, label, prior),
            "joint": self.helper.joint * self.loss(learned.joint, hidden, prior),
            "alike": self.helper.alike * learned.distance,
            "specific": self.helper.specific * learned.confusion,
        }
        for name, value in parts.items():
            self.log(f"train_{name}", value, on_step=False, on_epoch=True, batch_size=len(label))
        loss: Tensor = torch.stack(list(parts.values())).sum()
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(label))
        return loss

    def configure_optimizers(self) -> Any:
        """Return AdamW for the network, the second encoder and the layer that tells the modality."""
        beside = [*self.both.encoder.parameters(), *self.both.modality.parameters()]
        return optimisers(self, self.spec.loop, self.spec.network.layer_decay, beside)
