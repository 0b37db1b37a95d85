"""Clay 1 and 1.5 (Clay Foundation, Apache-2.0): patch kernels for any bands, positions in metres.

Names of parameters are those of the published weights below `model.encoder.`. Time and place of the images
are not given to the network, which its training allows for: their eight channels are zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from geoseg.models.networks.encoders.encoder import About
from geoseg.models.networks.encoders.plain_transformer import PlainTransformer
from geoseg.models.networks.encoders.wavelength_kernels import (
    WAVE,
    KernelGenerator,
    Residual,
    WavelengthEmbedding,
)
from torch import Tensor, nn
from torch.nn import functional

PATCH = 8
FACTS = 8
"""Channels of the encodings that hold time and place."""
HEAD = 64
"""Channels of an attention head."""


class Attention(nn.Module):
    """Multi-head self-attention with its norm, without biases."""

    def __init__(self, width: int, heads: int) -> None:
        """Create the layers."""
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.to_qkv = nn.Linear(width, 3 * HEAD * heads, bias=False)
        self.to_out = nn.Linear(HEAD * heads, width, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (N, L, D) of (N, L, D)."""
        q, k, v = (
            part.unflatten(2, (self.heads, HEAD)).transpose(1, 2)
            for part in self.to_qkv(self.norm(tokens)).chunk(3, dim=-1)
        )
        mixed = functional.scaled_dot_product_attention(q, k, v)
        return self.to_out(mixed.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """Norm and two linear layers with GELU between."""

    def __init__(self, width: int) -> None:
        """Create the layers."""
        super().__init__()
        self.net = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (N, L, D) of (N, L, D)."""
        return self.net(tokens)


class Block(nn.ModuleList):
    """Attention and MLP, each added to its input."""

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (N, L, D) of (N, L, D)."""
        for part in self:
            tokens = tokens + part(tokens)
        return tokens


class Transformer(nn.Module):
    """Holder of the names of the published weights."""

    def __init__(self, width: int, depth: int, heads: int) -> None:
        """Create the blocks and the norm of the last one."""
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.layers = nn.ModuleList(Block([Attention(width, heads), Mlp(width)]) for _ in range(depth))


class Clay(PlainTransformer):
    """The encoder."""

    def __init__(
        self,
        wavelengths: Sequence[float],
        *,
        width: int,
        depth: int,
        heads: int,
        layers: Sequence[int],
        gsd: float,
    ) -> None:
        """Create the encoder.

        Args:
            wavelengths: of the bands in µm; 3.5 for VV and 4.0 for VH, as in training.
            width: D of a token.
            depth: number of blocks.
            heads: of attention, of 64 channels each.
            layers: blocks, from 0, whose tokens are returned; the last block ends in the norm.
            gsd: pixel size in m.
        """
        super().__init__(width=width, patch=PATCH, layers=layers)
        self.gsd = gsd
        self.cls_token = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.patch_embedding = WavelengthEmbedding(
            wavelengths,
            KernelGenerator(width, PATCH, "encoder"),
            Residual(("l1", "l2"), functional.gelu),
            encode=encoded_wavelengths,
            arrange=lambda kernels: kernels.unflatten(1, (width, PATCH, PATCH)).transpose(0, 1),
            scales=(0.02, 1.0),
            patch=PATCH,
        )
        self.transformer = Transformer(width, depth, heads)

    def stages(self) -> list[nn.Module]:
        """Return the transformer blocks."""
        return list(self.transformer.layers)

    def finish(self, tokens: Tensor) -> Tensor:
        """Return the tokens of the last block after the norm."""
        normed: Tensor = self.transformer.norm(tokens)
        return normed

    def fix_size(self, height: int, width: int) -> None:
        """Store the kernels of the bands, and the positions in images of one size."""
        self.patch_embedding.fix()
        super().fix_size(height, width)

    def embed(self, images: Tensor, about: About) -> tuple[Tensor, Tensor]:
        """Return tokens and the class token; nothing but the pixels is read."""
        del about
        tokens = self.patch_embedding(images[:, 0])
        return (tokens + self.places(images).to(tokens))[:, None], self.cls_token

    def positions(self, rows: int, cols: int) -> Tensor:
        """Return (P, D): sines and cosines of column and row at rates that the pixel size scales."""
        width = self.width - FACTS
        quarter = width // 4
        steps = torch.arange(quarter) / (quarter - 1)
        rates = 10000.0 ** -(2 * steps / width) * self.gsd
        y, x = torch.meshgrid(torch.arange(rows), torch.arange(cols), indexing="ij")
        down, across = y.flatten()[:, None] * rates, x.flatten()[:, None] * rates
        none = torch.zeros(rows * cols, FACTS)
        return torch.cat([across.sin(), across.cos(), down.sin(), down.cos(), none], dim=1)


def encoded_wavelengths(waves: Tensor) -> Tensor:
    """Return (C, 128): sines, then cosines of wavelengths times 10000^(-k / 63), k = 0 … 63."""
    half = WAVE // 2
    rates = 10000.0 ** -(torch.arange(half, device=waves.device) / (half - 1))
    angles = waves[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)
