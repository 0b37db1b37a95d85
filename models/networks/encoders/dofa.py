"""DOFA 1 (Xiong et al. 2024, arXiv:2403.15356): patch kernels for any bands, from their wavelengths.

Names of parameters are those of the published weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from geoseg.models.networks.encoders.encoder import About
from geoseg.models.networks.encoders.plain_transformer import PlainTransformer
from geoseg.models.networks.encoders.wavelength_kernels import (
    WAVE,
    KernelGenerator,
    Residual,
    WavelengthEmbedding,
)
from timm.models.vision_transformer import Block
from torch import Tensor, nn
from torch.nn import functional

PATCH = 16
SIDE = 14
"""Patches of a side of the table of positions in the published weights."""


class Dofa(PlainTransformer):
    """The encoder. The tokens of the last block have no norm, as the published weights have none for them."""

    def __init__(
        self, wavelengths: Sequence[float], *, width: int, depth: int, heads: int, layers: Sequence[int]
    ) -> None:
        """Create the encoder.

        Args:
            wavelengths: of the bands in µm; 5.405 for radar, as in training.
            width: D of a token.
            depth: number of blocks.
            heads: of attention.
            layers: blocks, from 0, whose tokens are returned.
        """
        super().__init__(width=width, patch=PATCH, layers=layers)
        self.patch_embed = WavelengthEmbedding(
            wavelengths,
            KernelGenerator(width, PATCH, "transformer_encoder"),
            Residual(("w1", "w2"), functional.relu),
            encode=encoded_wavelengths,
            arrange=lambda kernels: kernels.unflatten(1, (PATCH, PATCH, width)).permute(3, 0, 1, 2),
            scales=(0.01, 0.01),
            patch=PATCH,
            padding=1,
        )
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, SIDE * SIDE + 1, width), requires_grad=False)
        norm = partial(nn.LayerNorm, eps=1e-6)
        self.blocks = nn.ModuleList(
            Block(width, heads, 4.0, qkv_bias=True, norm_layer=norm) for _ in range(depth)
        )

    def stages(self) -> list[nn.Module]:
        """Return the transformer blocks."""
        return list(self.blocks)

    def fix_size(self, height: int, width: int) -> None:
        """Store the kernels of the bands, and the table of positions for images of one size."""
        self.patch_embed.fix()
        super().fix_size(height, width)

    def embed(self, images: Tensor, about: About) -> tuple[Tensor, Tensor]:
        """Return tokens and the class token; nothing but the pixels is read."""
        del about
        tokens = self.patch_embed(images[:, 0]) + self.places(images)
        return tokens[:, None], self.cls_token + self.pos_embed[:, :1]

    def positions(self, rows: int, cols: int) -> Tensor:
        """Return (1, P, D): the stored table, interpolated where the size differs from that in training."""
        table = self.pos_embed[:, 1:]
        if (rows, cols) == (SIDE, SIDE):
            return table
        planes = table.transpose(1, 2).unflatten(2, (SIDE, SIDE))
        planes = functional.interpolate(planes, (rows, cols), mode="bicubic", align_corners=False)
        return planes.flatten(2).transpose(1, 2)


def encoded_wavelengths(waves: Tensor) -> Tensor:
    """Return (C, 128): sines, then cosines of nanometres times 10000^(-k / 64), k = 0 … 63.

    Angles of radar bands are thousands of radians: they are rounded to single precision as in training.
    """
    half = WAVE // 2
    rates = 1.0 / 10000 ** (torch.arange(half, dtype=torch.float32, device=waves.device) / half)
    angles = (waves * 1000)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)
