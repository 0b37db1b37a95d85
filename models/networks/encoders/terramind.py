"""TerraMind 1.0 (Jakubik et al. 2025, arXiv:2504.11171): the encoder, for images of one modality.

Names of parameters are those of the published weights; those of other modalities, and of the decoder, are not
used. The base and large networks have gated layers without biases, tiny and small ones plain layers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch
from geoseg.models.networks.encoders.encoder import About
from geoseg.models.networks.encoders.plain_transformer import PlainTransformer, sincos
from torch import Tensor, nn
from torch.nn import functional

from geoseg.errors import UsageError

PATCH = 16
TRAINED = 14
"""Patches of a side of the images in training, whose table of positions is interpolated for other sizes."""

MODALITIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "untok_sen2l2a@224": (
            "coastal", "blue", "green", "red", "rededge071", "rededge075", "rededge078", "nir", "nir08",
            "nir09", "swir16", "swir22",
        ),
        "untok_sen1grd@224": ("vv", "vh"),
    }
)  # fmt: skip
"""Bands of each modality, in the order of its kernels, by its name in the published weights."""


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, width: int, heads: int, *, bias: bool) -> None:
        """Create the layers."""
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=bias)
        self.proj = nn.Linear(width, width, bias=bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (N, L, D) of (N, L, D)."""
        parts = self.qkv(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(*parts.unbind(0))
        found: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return found


class Mlp(nn.Module):
    """Two linear layers with GELU between, or three gated by SiLU (Shazeer 2020, arXiv:2002.05202)."""

    def __init__(self, width: int, *, gated: bool) -> None:
        """Create the layers; gated ones are narrower by a third."""
        super().__init__()
        hidden = 4 * width * 2 // 3 if gated else 4 * width
        self.fc1 = nn.Linear(width, hidden, bias=not gated)
        self.fc2 = nn.Linear(hidden, width, bias=not gated)
        self.fc3 = nn.Linear(width, hidden, bias=False) if gated else None

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (N, L, D) of (N, L, D)."""
        made = self.fc1(tokens)
        made = functional.gelu(made) if self.fc3 is None else functional.silu(made) * self.fc3(tokens)
        found: Tensor = self.fc2(made)
        return found


class Block(nn.Module):
    """A transformer block with norms before its parts."""

    def __init__(self, width: int, heads: int, *, gated: bool) -> None:
        """Create the layers."""
        super().__init__()
        self.norm1 = norm(width)
        self.attn = Attention(width, heads, bias=not gated)
        self.norm2 = norm(width)
        self.mlp = Mlp(width, gated=gated)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (N, L, D) of (N, L, D)."""
        tokens = tokens + self.attn(self.norm1(tokens))
        found: Tensor = tokens + self.mlp(self.norm2(tokens))
        return found


class PatchEmbedding(nn.Module):
    """Patches of a modality to tokens; bands that are not given count as their mean."""

    def __init__(self, known: Sequence[str], bands: Sequence[str], width: int) -> None:
        """Create kernels for all known bands, of which those of some bands are used."""
        super().__init__()
        self.known = len(known)
        self.used = [list(known).index(band) for band in bands]
        self.mod_emb = nn.Parameter(torch.zeros(1, 1, width))
        self.proj = nn.Linear(PATCH * PATCH * len(known), width, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, P, D) of (N, C, H, W), with the embedding of the modality."""
        kernels = self.proj.weight.unflatten(1, (PATCH, PATCH, self.known))[..., self.used]
        made = functional.conv2d(images, kernels.permute(0, 3, 1, 2), stride=PATCH)
        return made.flatten(2).transpose(1, 2) + self.mod_emb


class TerraMind(PlainTransformer):
    """The encoder."""

    def __init__(
        self,
        bands: Sequence[str],
        *,
        width: int,
        depth: int,
        heads: int,
        layers: Sequence[int],
        gated: bool,
    ) -> None:
        """Create the encoder.

        Args:
            bands: common names of the channels, all of one modality.
            width: D of a token, a multiple of 4.
            depth: number of blocks.
            heads: of attention.
            layers: blocks, from 0, whose tokens are returned; the last block ends in the norm.
            gated: whether the layers are those of the base and large networks.

        Raises:
            UsageError: no modality has all the bands.
        """
        super().__init__(width=width, patch=PATCH, layers=layers)
        self.modality = next((name for name, own in MODALITIES.items() if set(bands) <= set(own)), "")
        if not self.modality:
            kinds = "; ".join(", ".join(own) for own in MODALITIES.values())
            raise UsageError(f"terramind reads bands of one kind of sensor ({kinds}), not {', '.join(bands)}")
        embedding = PatchEmbedding(MODALITIES[self.modality], bands, width)
        self.encoder_embeddings = nn.ModuleDict({self.modality: embedding})
        self.encoder = nn.ModuleList(Block(width, heads, gated=gated) for _ in range(depth))
        self.encoder_norm = norm(width)

    def stages(self) -> list[nn.Module]:
        """Return the transformer blocks."""
        return list(self.encoder)

    def is_unused(self, key: str) -> bool:
        """Return whether a key is of another modality, a computed table, or the zero bias of a norm."""
        part = key.split(".")
        if part[0] == "encoder_embeddings" and len(part) > 2:
            return part[1] != self.modality or part[-1] == "pos_emb"
        return part[-1] == "bias" and part[-2:-1] in (["norm1"], ["norm2"], ["encoder_norm"])

    def finish(self, tokens: Tensor) -> Tensor:
        """Return the tokens of the last block after the norm."""
        normed: Tensor = self.encoder_norm(tokens)
        return normed

    def embed(self, images: Tensor, about: About) -> tuple[Tensor, Tensor]:
        """Return tokens; there is no class token."""
        del about
        tokens = self.encoder_embeddings[self.modality](images[:, 0]) + self.places(images).to(images)
        return tokens[:, None], tokens.new_zeros((1, 0, self.width))

    def positions(self, rows: int, cols: int) -> Tensor:
        """Return (P, D): the table of images of the training size, interpolated where the size differs."""
        part = self.width // 2
        lines = sincos(torch.arange(TRAINED), part)[:, None].expand(-1, TRAINED, -1)
        columns = sincos(torch.arange(TRAINED), part)[None].expand(TRAINED, -1, -1)
        table = torch.cat([lines, columns], dim=-1)
        if (rows, cols) != (TRAINED, TRAINED):
            planes = table.permute(2, 0, 1)[None]
            table = functional.interpolate(planes, (rows, cols), mode="bicubic")[0].permute(1, 2, 0)
        return table.flatten(0, 1)


def norm(width: int) -> nn.LayerNorm:
    """Return the normalisation of tokens, which has no bias."""
    return nn.LayerNorm(width, eps=1e-6, bias=False)
