"""Galileo: a transformer over patches, dates and groups of bands (Tseng et al. 2025, arXiv:2502.09356).

Only groups of which all bands are given get tokens. Names of parameters are those of the published weights.
Unlike the published code, images may be rectangular.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import torch
from geoseg.models.networks.encoders.band_groups import GALILEO as GROUPS
from geoseg.models.networks.encoders.encoder import About, Encoder
from torch import Tensor, nn
from torch.nn import functional

from geoseg.errors import UsageError
from geoseg.spec.encoders import UNKNOWN_MONTH

STORED_PATCH = 8
"""Side of the stored patch kernels in pixels."""

LONGEST = 24
"""Greatest number of dates."""


class Size(NamedTuple):
    """Size of a transformer."""

    width: int
    """D."""
    depth: int
    """Number of blocks."""
    heads: int


Channel = tuple[int, float, float]
"""Index, mean and std of a band."""

REFERENCE_GSD = 10.0
"""Pixel size in m at which a position counts as one."""


class Attention(nn.Module):
    """Multi-head self-attention with separate matrices for queries, keys and values."""

    def __init__(self, width: int, heads: int) -> None:
        """Create the four linear layers."""
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (N, L, D) of (N, L, D)."""
        q, k, v = (
            layer(tokens).unflatten(2, (self.heads, -1)).transpose(1, 2) for layer in (self.q, self.k, self.v)
        )
        mixed = functional.scaled_dot_product_attention(q, k, v)
        return self.proj(mixed.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """Two linear layers with GELU between."""

    def __init__(self, width: int, hidden: int) -> None:
        """Create the layers."""
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (N, L, D) of (N, L, D)."""
        return self.fc2(functional.gelu(self.fc1(tokens)))


class Block(nn.Module):
    """Transformer block with normalisation before attention and MLP."""

    def __init__(self, width: int, heads: int) -> None:
        """Create the layers."""
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn, self.mlp = Attention(width, heads), Mlp(width, 4 * width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (N, L, D) of (N, L, D)."""
        tokens = tokens + self.attn(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))


class PatchEmbedding(nn.Module):
    """Patches of one group of bands to tokens; the kernel is stored for patches of 8 pixels."""

    def __init__(self, bands: int, width: int) -> None:
        """Create the kernel."""
        super().__init__()
        self.proj = nn.Conv2d(bands, width, STORED_PATCH, STORED_PATCH)
        self.fixed: int | None = None

    def fix(self, patch: int) -> None:
        """Store the kernel for patches of another size."""
        if self.fixed is None:
            self.proj.weight = nn.Parameter(resized_kernel(self.proj.weight.detach(), patch))
            self.fixed = patch

    def forward(self, images: Tensor, patch: int) -> Tensor:
        """Return (N, D, h, w) of (N, C, H, W)."""
        kernel = self.proj.weight if self.fixed else resized_kernel(self.proj.weight, patch)
        return functional.conv2d(images, kernel, self.proj.bias, stride=patch)


class NormalisedNdvi(nn.Module):
    """NDVI of the unnormalised bands (Rouse et al. 1974), normalised as the encoder was trained on it."""

    def __init__(self, red: Channel, nir: Channel, ndvi: tuple[float, float]) -> None:
        """Take the channels of the bands.

        Args:
            red: index of the channel, and mean and std that it is normalised with.
            nir: the same.
            ndvi: mean and std to normalise with.
        """
        super().__init__()
        self.red, self.nir, self.facts = red, nir, ndvi

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, T, 1, H, W) of (N, T, C, H, W)."""
        red, nir = (images[:, :, index : index + 1] * std + mean for index, mean, std in (self.red, self.nir))
        ndvi = ((nir - red) / (nir + red).clamp(min=1e-6)).clamp(-1, 1)
        return (ndvi - self.facts[0]) / self.facts[1]


class Galileo(Encoder):
    """The encoder: mean over dates and groups of the tokens of each patch.

    The cost of attention grows with the square of patches x dates x groups.
    """

    reads = ("month",)

    def __init__(
        self,
        bands: Sequence[str],
        *,
        size: Size,
        patch: int,
        layers: Sequence[int],
        dates: int = 1,
        gsd: float = REFERENCE_GSD,
        ndvi: NormalisedNdvi | None = None,
    ) -> None:
        """Create the encoder.

        Args:
            bands: common names of the channels; groups that lack a band are left out.
            size: of the transformer.
            patch: side of a patch in pixels, 1 to 8.
            layers: blocks, from 0, whose tokens are returned; the last block ends in the last norm.
            dates: T, 1 to 24.
            gsd: pixel size in m.
            ndvi: computes NDVI, as a channel behind the bands, where it is none of them.

        Raises:
            UsageError: no group is complete, or there are too many dates.
        """
        super().__init__()
        bands = (*bands, *(() if ndvi is None else GROUPS["NDVI"]))
        self.ndvi = ndvi
        self.groups = {name: group for name, group in GROUPS.items() if set(group) <= set(bands)}
        if not self.groups:
            complete = "; ".join(", ".join(group) for group in GROUPS.values())
            raise UsageError(f"galileo needs all bands of a group ({complete}), not {', '.join(bands)}")
        if not 1 <= dates <= LONGEST:
            raise UsageError(f"galileo takes 1 to {LONGEST} dates, not {dates}")
        self.channels = {name: [list(bands).index(b) for b in group] for name, group in self.groups.items()}
        self.patch, self.dates, self.gsd, self.layers = patch, dates, gsd, tuple(layers)
        width, depth, heads = size
        self.widths, self.strides = (width,) * len(layers), (patch,) * len(layers)
        quarter = width // 4
        self.pos_embed = nn.Parameter(sine_table(torch.arange(LONGEST), quarter), requires_grad=False)
        self.s_t_channel_embed = nn.Parameter(torch.zeros(len(GROUPS), quarter))
        self.month_embed = nn.Embedding.from_pretrained(month_table(quarter))
        self.space_time_embed = nn.ModuleDict(
            {name: PatchEmbedding(len(group), width) for name, group in self.groups.items()}
        )
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.place: Tensor | None = None

    def stages(self) -> list[nn.Module]:
        """Return the transformer blocks."""
        return list(self.blocks)

    def is_unused(self, key: str) -> bool:
        """Return whether a key belongs to a group of bands that is left out."""
        first, _, rest = key.partition(".")
        group, _, weight = rest.partition(".")
        return first == "space_time_embed" and group in GROUPS and group not in self.groups and bool(weight)

    def fix_size(self, height: int, width: int) -> None:
        """Store the positions of an image of one size and kernels of the patch size."""
        self.place = self._positions(height // self.patch, width // self.patch)
        for embedding in self.space_time_embed.values():
            embedding.fix(self.patch)

    def forward(self, images: Tensor, about: About) -> list[Tensor]:
        """Return the features of each level.

        Args:
            images: (N, T, C, H, W) normalised; H and W are multiples of the patch.
            about: months; June where unknown.
        """
        if self.ndvi is not None:
            images = torch.cat([images, self.ndvi(images)], dim=2)
        count, dates, _, height, width = images.shape
        rows, cols = height // self.patch, width // self.patch
        tokens = torch.stack([self._embed(name, images) for name in self.groups], dim=2)
        # (N, T, groups, P, D) and its four quarters: group, date, month, place
        tokens = tokens + self._encodings(about.months, count, dates, rows, cols).to(tokens)
        tokens = tokens.flatten(1, 3)
        features = []
        for index, block in enumerate(self.blocks):
            tokens = block(tokens)
            if index in self.layers:
                last = index == len(self.blocks) - 1
                level = self.norm(tokens) if last else tokens
                mean = level.unflatten(1, (dates * len(self.groups), rows * cols)).mean(dim=1)
                features.append(mean.transpose(1, 2).unflatten(2, (rows, cols)))
        return features

    def _embed(self, name: str, images: Tensor) -> Tensor:
        """Return the tokens (N, T, P, D) of a group."""
        planes = images[:, :, self.channels[name]]
        made = self.space_time_embed[name](planes.flatten(0, 1), self.patch)
        return made.flatten(2).transpose(1, 2).unflatten(0, (images.shape[0], images.shape[1]))

    def _encodings(self, months: Tensor | None, count: int, dates: int, rows: int, cols: int) -> Tensor:
        """Return (N, T, groups, P, D): embeddings of group, date, month and place, a quarter of D each."""
        if months is None:
            months = torch.full((count, dates), UNKNOWN_MONTH, device=self.pos_embed.device)
        shape = (count, dates, len(self.groups), rows * cols, -1)
        rank = [list(GROUPS).index(name) for name in self.groups]
        group = self.s_t_channel_embed[rank][None, None, :, None]
        date = self.pos_embed[:dates][None, :, None, None]
        month = self.month_embed(months.round().clamp(0, 11).long())[:, :, None, None]
        place = self.place if self.place is not None else self._positions(rows, cols)
        place = place.to(group)[None, None, None]
        return torch.cat([part.expand(shape) for part in (group, date, month, place)], dim=-1)

    def _positions(self, rows: int, cols: int) -> Tensor:
        """Return (P, D / 4) positions."""
        return place_table(rows, cols, self.gsd * self.patch / REFERENCE_GSD, self.widths[0] // 4)


def place_table(rows: int, cols: int, step: float, width: int) -> Tensor:
    """Return (rows x cols, width) for patches `step` apart: the first half from the column, then the row."""
    half = width // 2
    x = sine_table(torch.arange(cols) * step, half)[None].expand(rows, cols, half)
    y = sine_table(torch.arange(rows) * step, half)[:, None].expand(rows, cols, half)
    return torch.cat([x, y], dim=2).flatten(0, 1)


def sine_table(positions: Tensor, width: int) -> Tensor:
    """Return (L, width): sines, then cosines of positions times 10000^(-k / (2 width)), k = 0 ….

    The published code divides by 2 width where the literature multiplies width by 1/2.
    """
    steps = torch.arange(width // 2, dtype=torch.float64) / (2 * width)
    angles = positions.double()[:, None] * 10000.0**-steps
    return torch.cat([angles.sin(), angles.cos()], dim=1).float()


def month_table(width: int) -> Tensor:
    """Return (12, width): sines, then cosines of the month as an angle, each repeated."""
    angles = torch.arange(12) * (2 * math.pi / 12)
    half = width // 2
    return torch.cat([angles.sin()[:, None].expand(12, half), angles.cos()[:, None].expand(12, half)], dim=1)


def resized_kernel(kernel: Tensor, patch: int) -> Tensor:
    """Return (D, C, p, p) of (D, C, 8, 8): FlexiViT's resizing by the pseudo-inverse (arXiv:2212.08013)."""
    side = kernel.shape[-1]
    if patch == side:
        return kernel
    matrix = _pseudo_inverse(side, patch).to(kernel)
    return (kernel.flatten(2) @ matrix.T).unflatten(2, (patch, patch))


@cache
def _pseudo_inverse(side: int, patch: int) -> Tensor:
    """Return (p², side²), the pseudo-inverse of the resizing of images of `side` pixels to `patch` pixels."""
    units = torch.eye(side * side).reshape(side * side, 1, side, side)
    small = functional.interpolate(units, (patch, patch), mode="bicubic", antialias=True)
    return torch.linalg.pinv(small.reshape(side * side, patch * patch))
