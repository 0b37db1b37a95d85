"""ChangeFormer: a hierarchical transformer shared by both dates, learned differences at four scales.

Bandara & Patel 2022, doi:10.1109/IGARSS46834.2022.9883686. The encoder is one of segmentation-models-pytorch
(`mit_b0` is the SegFormer encoder that the paper's resembles; any other hierarchical one serves). Differences
are computed from deep to shallow, each helped by the one below, then joined by a linear layer.

Differences to the paper: the paper first brings each scale of each date to one width by a linear layer; the
first convolution of a difference does that here, being linear too. The rise to full resolution has plain
convolutions, no residual blocks, and no further outputs at coarser scales: sets of change are small.
"""

from __future__ import annotations

import torch
from segmentation_models_pytorch.encoders import get_encoder
from torch import Tensor, nn
from torch.nn import functional

from geoseg.spec import NetworkSpec

WIDTH = 64
"""Channels of the decoder (256 in the paper, whose encoder is ten times larger)."""


class Difference(nn.Sequential):
    """Features of two dates to what differs: a learned, not a fixed, difference."""

    def __init__(self, planes: int) -> None:
        """Take the channels of one date."""
        super().__init__(
            nn.Conv2d(2 * planes, WIDTH, 3, padding=1),
            nn.BatchNorm2d(WIDTH),
            nn.ReLU(inplace=True),
            nn.Conv2d(WIDTH, WIDTH, 3, padding=1),
            nn.ReLU(inplace=True),
        )


class ChangeFormer(nn.Module):
    """The network."""

    def __init__(self, bands: int, classes: int, encoder: str, pretrained: str | None) -> None:
        """Build it; see `geoseg.spec.NetworkSpec`."""
        super().__init__()
        self.encoder = get_encoder(encoder, in_channels=bands, depth=5, weights=pretrained)
        self.differences = nn.ModuleList(Difference(planes) for planes in self.encoder.out_channels[2:])
        self.join = nn.Sequential(
            nn.Conv2d(4 * WIDTH, WIDTH, 1), nn.BatchNorm2d(WIDTH), nn.ReLU(inplace=True)
        )
        self.rise = nn.Sequential(
            nn.ConvTranspose2d(WIDTH, WIDTH, 4, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(WIDTH, WIDTH, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(WIDTH, WIDTH // 2, 4, stride=2, padding=1),
            nn.ReLU(inplace=True),
        )
        self.head = nn.Conv2d(WIDTH // 2, classes, 3, padding=1)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return logits."""
        before, after = self.encoder(first)[2:], self.encoder(second)[2:]
        found: list[Tensor] = []
        deeper: Tensor | None = None
        for a, b, difference in zip(
            reversed(before), reversed(after), reversed(self.differences), strict=True
        ):
            planes = difference(torch.cat([a, b], dim=1))
            if deeper is not None:
                planes = planes + functional.interpolate(deeper, scale_factor=2.0, mode="bilinear")
            found.append(planes)
            deeper = planes
        quarter = [
            functional.interpolate(planes, scale_factor=float(2**step), mode="bilinear") if step else planes
            for step, planes in zip((3, 2, 1, 0), found, strict=True)
        ]
        logits: Tensor = self.head(self.rise(self.join(torch.cat(quarter, dim=1))))
        return logits


def build(spec: NetworkSpec, bands: int, planes: int) -> nn.Module:
    """Build the network of a description; for the arguments see `build_change`."""
    return ChangeFormer(bands, planes, spec.encoder, spec.pretrained)
