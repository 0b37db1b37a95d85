"""Prithvi-EO 1.0 and 2.0 (Jakubik et al. 2023, arXiv:2310.18660; Szwarcman et al. 2024, arXiv:2412.02732).

A transformer over patches of 1 to 4 dates. Names of parameters are those of the published weights. The -TL
weights also read date and place of the images.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from geoseg.models.networks.encoders.encoder import About
from geoseg.models.networks.encoders.plain_transformer import PlainTransformer, sincos
from timm.models.vision_transformer import Block
from torch import Tensor, nn
from torch.nn import functional

from geoseg.spec.encoders import UNKNOWN_FACT, Metadata

TRAINED = 224
"""Side in pixels of the images in training, whose table of positions is interpolated for other sizes."""


class FactEncoder(nn.Module):
    """Sines and cosines of two numbers, times a learned scale; zero where they are not known."""

    def __init__(self, width: int) -> None:
        """Create the scale."""
        super().__init__()
        self.width = width
        self.scale = nn.Parameter(torch.full((1,), 0.1))

    def forward(self, pairs: Tensor) -> Tensor:
        """Return (…, D) of (…, 2)."""
        halves = (self.width // 2, self.width - self.width // 2)
        # In float32, as in the published code: graphs of TensorRT have no float64.
        parts = [
            sincos(pairs[..., i], half, torch.float32).unflatten(0, pairs.shape[:-1])
            for i, half in enumerate(halves)
        ]
        known = (pairs[..., :1] > UNKNOWN_FACT / 2).to(self.scale)
        return self.scale * known * torch.cat(parts, dim=-1)


class PatchEmbedding(nn.Module):
    """Patches of one date to tokens. The published kernels have an axis of one date: (D, C, 1, p, p)."""

    def __init__(self, bands: int, width: int, patch: int) -> None:
        """Create the kernel."""
        super().__init__()
        self.proj = nn.Conv3d(bands, width, (1, patch, patch), (1, patch, patch))

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, P, D) of (N, C, H, W)."""
        kernel, stride = self.proj.weight[:, :, 0], self.proj.stride[1:]
        return functional.conv2d(images, kernel, self.proj.bias, stride).flatten(2).transpose(1, 2)


class Prithvi(PlainTransformer):
    """The encoder."""

    def __init__(
        self,
        bands: int,
        *,
        width: int,
        depth: int,
        heads: int,
        patch: int,
        layers: Sequence[int],
        dates: int = 1,
        reads: Sequence[Metadata] = (),
    ) -> None:
        """Create the encoder.

        Args:
            bands: channels of a date.
            width: D of a token, a multiple of 16.
            depth: number of blocks.
            heads: of attention.
            patch: pixels of a side of a patch.
            layers: blocks, from 0, whose tokens are returned; the last block ends in the norm.
            dates: T.
            reads: `date` and `lonlat` for -TL weights.
        """
        super().__init__(width=width, patch=patch, layers=layers, dates=dates)
        self.patch_embed = PatchEmbedding(bands, width, patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.blocks = nn.ModuleList(
            Block(width, heads, 4.0, qkv_bias=True, norm_layer=nn.LayerNorm) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width)
        self.reads = tuple(reads)
        if "date" in reads:
            self.temporal_embed_enc = FactEncoder(width)
        if "lonlat" in reads:
            self.location_embed_enc = FactEncoder(width)

    def stages(self) -> list[nn.Module]:
        """Return the transformer blocks."""
        return list(self.blocks)

    def finish(self, tokens: Tensor) -> Tensor:
        """Return the tokens of the last block after the norm."""
        normed: Tensor = self.norm(tokens)
        return normed

    def embed(self, images: Tensor, about: About) -> tuple[Tensor, Tensor]:
        """Return tokens and the class token; date and place are added where they are known and read."""
        tokens = self.patch_embed(images.flatten(0, 1)).unflatten(0, images.shape[:2])
        tokens = tokens + self.places(images).to(tokens)
        if "date" in self.reads and about.days is not None:
            tokens = tokens + self.temporal_embed_enc(about.days)[:, :, None]
        if "lonlat" in self.reads and about.places is not None:
            tokens = tokens + self.location_embed_enc(about.places)[:, None, None]
        return tokens, self.cls_token

    def positions(self, rows: int, cols: int) -> Tensor:
        """Return (T, P, D): the table of images of the training size, interpolated where the size differs."""
        side = TRAINED // self.patch
        part = self.width // 16
        across, down = torch.arange(side), torch.arange(side)
        columns = sincos(across, 6 * part)[None, None].expand(self.dates, side, -1, -1)
        lines = sincos(down, 6 * part)[None, :, None].expand(self.dates, -1, side, -1)
        dates = sincos(torch.arange(self.dates), 4 * part)[:, None, None].expand(-1, side, side, -1)
        table = torch.cat([columns, lines, dates], dim=-1)
        if (rows, cols) != (side, side):
            planes = table.permute(0, 3, 1, 2)
            planes = functional.interpolate(planes, (rows, cols), mode="bicubic", align_corners=True)
            table = planes.permute(0, 2, 3, 1)
        return table.flatten(1, 2)
