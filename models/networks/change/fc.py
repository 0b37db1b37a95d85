"""FC-EF, FC-Siam-conc and FC-Siam-diff: small U-Nets that join the dates early, or at every skip.

Daudt 2018, doi:10.1109/ICIP.2018.8451652, layer by layer: four stages of 16 to 128 channels, drop-out after
every convolution. The difference is the absolute one, as in the paper: the order of the dates then matters
only through the deepest features, which are the second date's. We give one plane for two classes where the
paper gives two, and logits where it gives log-probabilities.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from geoseg.spec import NetworkSpec

Joined = Literal["early", "concatenated", "difference"]

JOINED: dict[str, Joined] = {
    "fc-ef": "early",
    "fc-siam-conc": "concatenated",
    "fc-siam-diff": "difference",
}

STAGES = ((16, 2), (32, 2), (64, 3), (128, 3))
"""Channels and convolutions of each stage."""
DROPPED = 0.2
"""Share of channels dropped in training."""


class Convolutions(nn.Sequential):
    """3 x 3 convolutions, each with batch norm, ReLU and drop-out of whole channels."""

    def __init__(self, planes: int, widths: tuple[int, ...]) -> None:
        """Go through some widths."""
        layers: list[nn.Module] = []
        for width in widths:
            layers += [
                nn.Conv2d(planes, width, 3, padding=1),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
                nn.Dropout2d(DROPPED),
            ]
            planes = width
        super().__init__(*layers)


class FullyConvolutional(nn.Module):
    """One of the three networks."""

    def __init__(self, bands: int, classes: int, joined: Joined) -> None:
        """Build it.

        Args:
            bands: of one date.
            classes: planes of the output.
            joined: the dates as one image, or the features of both concatenated or subtracted.
        """
        super().__init__()
        self.joined = joined
        planes = 2 * bands if joined == "early" else bands
        self.encoder = nn.ModuleList()
        for width, count in STAGES:
            self.encoder.append(Convolutions(planes, (width,) * count))
            planes = width
        skips = 2 if joined == "concatenated" else 1
        self.rise = nn.ModuleList()
        self.decoder = nn.ModuleList()
        for stage in reversed(range(len(STAGES))):
            width, count = STAGES[stage]
            # The last convolution of a stage narrows to the next one; that of the finest is the head.
            widths = (*(width,) * (count - 1), *((STAGES[stage - 1][0],) if stage else ()))
            self.rise.append(nn.ConvTranspose2d(planes, planes, 3, stride=2, padding=1, output_padding=1))
            self.decoder.append(Convolutions(planes + skips * width, widths))
            planes = widths[-1]
        self.head = nn.Conv2d(planes, classes, 3, padding=1)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return logits."""
        if self.joined == "early":
            skips, planes = self._encode(torch.cat([first, second], dim=1))
        else:
            before, _ = self._encode(first)
            after, planes = self._encode(second)
            skips = [
                torch.cat([a, b], dim=1) if self.joined == "concatenated" else (a - b).abs()
                for a, b in zip(before, after, strict=True)
            ]
        for rise, decoder, skip in zip(self.rise, self.decoder, reversed(skips), strict=True):
            planes = decoder(torch.cat([rise(planes), skip], dim=1))
        logits: Tensor = self.head(planes)
        return logits

    def _encode(self, planes: Tensor) -> tuple[list[Tensor], Tensor]:
        """Features of each stage, and the deepest ones, halved."""
        skips = []
        for stage in self.encoder:
            planes = stage(planes)
            skips.append(planes)
            planes = functional.max_pool2d(planes, 2)
        return skips, planes


def build(spec: NetworkSpec, bands: int, planes: int) -> nn.Module:
    """Build the network of a description; for the arguments see `build_change`."""
    return FullyConvolutional(bands, planes, JOINED[spec.architecture])
