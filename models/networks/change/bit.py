"""BIT: attention between two dates through a few semantic tokens.

Chen 2021, doi:10.1109/TGRS.2021.3095166. A shared network gives features at a quarter of the resolution; each
date is summarised in four tokens; a transformer applies attention between all eight; pixels then attend to
the tokens of their date. The absolute difference is classified, so that the order of the dates matters only
through the tokens' learned positions.

Differences to the paper: the encoder is any of the library's, cut after its third halving (the paper's runs
another stage at that resolution without halving), which leaves a quarter of its weights, for small sets;
heads share the 32 channels of a token instead of widening them, for the same reason; queries and tokens have
a norm each.
"""

from __future__ import annotations

import torch
from geoseg.models.networks.change.attention import Block
from geoseg.models.networks.change.shallow import shallow_encoder
from torch import Tensor, nn
from torch.nn import functional

from geoseg.spec import NetworkSpec

WIDTH, TOKENS, HEADS = 32, 4, 8
DECODERS = 8
"""Blocks in which pixels attend to tokens."""


class BitemporalTransformer(nn.Module):
    """BIT over an encoder of segmentation-models-pytorch, used through its third halving."""

    def __init__(self, bands: int, classes: int, encoder: str, pretrained: str | None) -> None:
        """Build it; see `geoseg.spec.NetworkSpec`."""
        super().__init__()
        self.encoder = shallow_encoder(encoder, bands, 3, pretrained)
        self.narrow = nn.Conv2d(self.encoder.out_channels[-1], WIDTH, 3, padding=1)
        self.tokenise = nn.Conv2d(WIDTH, TOKENS, 1, bias=False)
        self.places = nn.Parameter(torch.randn(1, 2 * TOKENS, WIDTH) * 0.02)
        self.mix = Block(WIDTH, HEADS)
        self.look = nn.ModuleList(Block(WIDTH, HEADS) for _ in range(DECODERS))
        self.head = nn.Sequential(
            nn.Conv2d(WIDTH, WIDTH, 3, padding=1),
            nn.BatchNorm2d(WIDTH),
            nn.ReLU(inplace=True),
            nn.Conv2d(WIDTH, classes, 3, padding=1),
        )

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return logits."""
        before, after = self._features(first), self._features(second)
        tokens = torch.cat([self._tokens(before), self._tokens(after)], dim=1) + self.places
        tokens = self.mix(tokens, tokens)
        seen = self._seen(before, tokens[:, :TOKENS]), self._seen(after, tokens[:, TOKENS:])
        difference = (seen[0] - seen[1]).abs()
        difference = functional.interpolate(difference, scale_factor=4.0, mode="bilinear")
        logits: Tensor = self.head(difference)
        return logits

    def _features(self, planes: Tensor) -> Tensor:
        """(N, WIDTH, H / 4, W / 4) features of a date."""
        eighth = self.encoder(planes)[-1]
        features: Tensor = self.narrow(functional.interpolate(eighth, scale_factor=2.0, mode="bilinear"))
        return features

    def _tokens(self, features: Tensor) -> Tensor:
        """(N, TOKENS, WIDTH): means of the features, each over pixels that the token attends to."""
        weights = torch.softmax(self.tokenise(features).flatten(2), dim=-1)
        return weights @ features.flatten(2).transpose(1, 2)

    def _seen(self, features: Tensor, tokens: Tensor) -> Tensor:
        """Return the features after attention of each pixel to the tokens of its date."""
        pixels = features.flatten(2).transpose(1, 2)
        for block in self.look:
            pixels = block(pixels, tokens)
        return pixels.transpose(1, 2).reshape_as(features)


def build(spec: NetworkSpec, bands: int, planes: int) -> nn.Module:
    """Build the network of a description; for the arguments see `build_change`."""
    return BitemporalTransformer(bands, planes, spec.encoder, spec.pretrained)
