"""A network that learns from two modalities, and maps with one (Wang et al. 2023, arXiv:2307.14126).

Each modality has an encoder of one design; the decoder is common. Where the second modality is not observed,
features and map are those of the first alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from geoseg.models.networks.encoder_network import EncoderNetwork
from geoseg.models.networks.encoders.encoder import About
from geoseg.models.networks.segmentation import Segmenter
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, kw_only=True, eq=False)
class Learned:
    """What a batch of both modalities gives a training."""

    alone: Tensor
    """(N, K, H, W) logits by the first modality."""
    joint: Tensor
    """(N, K, H, W) logits by both."""
    distance: Tensor
    """Mean cosine distance of the shared features, 0..2, where both are observed."""
    confusion: Tensor
    """Cross entropy of the modality as told by the specific features."""


class TwoModalities(nn.Module):
    """What training adds to a segmentation network: an encoder of a second modality."""

    def __init__(self, network: Segmenter, helper: Segmenter, share: float) -> None:
        """Take the networks of both modalities.

        Args:
            network: of the first modality; the one that maps.
            helper: of the second modality, of the same design; its decoder is not used.
            share: share of the channels of each level that are shared.
        """
        super().__init__()
        self.encoder = _encoder(helper)
        body = network.body
        widths = body.encoder.widths if isinstance(body, EncoderNetwork) else tuple(body.encoder.out_channels)
        self.shared = [round(width * share) for width in widths]
        # smp's first level is the image itself.
        self.first = 0 if isinstance(body, EncoderNetwork) else 1
        self.modality = nn.Linear(widths[-1] - self.shared[-1], 1)

    def forward(self, network: Segmenter, planes: Tensor, helper: Tensor, observed: Tensor) -> Learned:
        """Return logits and losses.

        Args:
            network: of the first modality.
            planes: (N, C, H, W) input of the network.
            helper: (N, B, H, W) normalised bands of the second modality.
            observed: (N, 1, H, W) 1 where the second modality is observed, else 0.
        """
        size = (planes.shape[-2], planes.shape[-1])
        own = _levels(network, planes)
        other = self.encoder(helper)
        seen = [functional.adaptive_avg_pool2d(observed, level.shape[-2:]) for level in own]
        joint = list(own)
        for index in range(self.first, len(own)):
            joint[index] = own[index] + 0.5 * seen[index] * (other[index] - own[index])
        alone = _decode(network, own, size)
        with untracked(network):
            both = _decode(network, joint, size)
        return Learned(
            alone=alone,
            joint=both,
            distance=self._distance(own, other, seen),
            confusion=self._confusion(own[-1], other[-1], seen[-1]),
        )

    def _distance(self, own: Sequence[Tensor], other: Sequence[Tensor], seen: Sequence[Tensor]) -> Tensor:
        """Return the mean cosine distance of the shared channels of all levels."""
        found = []
        for index, count in enumerate(self.shared):
            if index < self.first or not count:
                continue
            apart = 1 - functional.cosine_similarity(own[index][:, :count], other[index][:, :count], dim=1)
            weight = seen[index][:, 0]
            found.append((apart * weight).sum() / weight.sum().clamp(min=1e-6))
        return torch.stack(found).mean()

    def _confusion(self, own: Tensor, other: Tensor, seen: Tensor) -> Tensor:
        """Return how badly a linear layer tells the modality of the specific channels."""
        count = self.shared[-1]
        weight = seen / seen.sum(dim=(2, 3), keepdim=True).clamp(min=1e-6)
        pooled = [(level[:, count:] * weight).sum(dim=(2, 3)) for level in (own, other)]
        told = torch.cat([self.modality(part)[:, 0] for part in pooled])
        truth = torch.cat([torch.zeros(len(own)), torch.ones(len(other))]).to(told)
        known = (seen.sum(dim=(1, 2, 3)) > 0).to(told).repeat(2)
        losses = functional.binary_cross_entropy_with_logits(told, truth, reduction="none")
        return (losses * known).sum() / known.sum().clamp(min=1)


@contextmanager
def untracked(module: nn.Module) -> Iterator[None]:
    """Leave the running statistics of batch normalisation as they are: they are those of the maps."""
    norms = [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    tracked = [(norm, norm.momentum) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in tracked:
            norm.momentum = momentum


class _Features(nn.Module):
    """The encoder of an `EncoderNetwork` as a function of planes."""

    def __init__(self, body: EncoderNetwork) -> None:
        super().__init__()
        self.body = body
        body.decoder, body.head, body.pyramid = nn.Identity(), nn.Identity(), None

    def forward(self, planes: Tensor) -> list[Tensor]:
        """Return the levels; date and place are not given to the second modality."""
        images = planes[:, self.body.order].unflatten(1, (self.body.encoder.dates, -1))
        levels: list[Tensor] = self.body.encoder(images, About())
        return levels


def _encoder(network: Segmenter) -> nn.Module:
    """Return the encoder of a network, without its decoder."""
    return _Features(network.body) if isinstance(network.body, EncoderNetwork) else network.body.encoder


def _levels(network: Segmenter, planes: Tensor) -> list[Tensor]:
    """Return the features of a network by level, the finest first."""
    if network.features is not None:
        planes = torch.cat([planes, network.features(planes)[0]], dim=1)
    body = network.body
    return body.features(planes) if isinstance(body, EncoderNetwork) else list(body.encoder(planes))


def _decode(network: Segmenter, levels: list[Tensor], size: tuple[int, int]) -> Tensor:
    """Return the logits of features."""
    body = network.body
    if isinstance(body, EncoderNetwork):
        return body.decode(levels, size)
    logits: Tensor = body.segmentation_head(body.decoder(levels))
    return logits
