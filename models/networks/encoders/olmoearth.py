"""OlmoEarth 1: a transformer over patches, dates and groups of bands (Herzog et al. 2025, arXiv:2511.13655).

It descends from Galileo, whose blocks and tables it has, and differs in four points: images are resized to
the size of the stored kernels (Galileo resizes the kernels); the groups are those of the pixel sizes of
Sentinel-2; each kind of sensor has the same weight in the mean; and there is no NDVI. Names of parameters are
those of the published weights without `encoder.`. Unlike the published code, images may be rectangular.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from geoseg.models.networks.encoders.band_groups import OLMOEARTH as GROUPS
from geoseg.models.networks.encoders.encoder import About, Encoder
from geoseg.models.networks.encoders.galileo import Block, Size, month_table, place_table, sine_table
from torch import Tensor, nn
from torch.nn import functional

from geoseg.errors import UsageError
from geoseg.spec.encoders import UNKNOWN_MONTH

STORED_PATCH = 8
"""Side of the stored patch kernels in pixels."""

LONGEST = 12
"""Greatest number of dates."""

REFERENCE_GSD = 10.0
"""Pixel size in m at which a position counts as one."""


class PatchEmbedding(nn.Module):
    """Patches of a group of bands to tokens."""

    def __init__(self, bands: int, width: int) -> None:
        """Create the kernel."""
        super().__init__()
        self.proj = nn.Conv2d(bands, width, STORED_PATCH, STORED_PATCH)

    def forward(self, enlarged: Tensor) -> Tensor:
        """Return (N, D, h, w) of (N, C, 8 h, 8 w)."""
        made: Tensor = self.proj(enlarged)
        return made


class Encodings(nn.Module):
    """What is added to tokens: group, date, month and place, a quarter of the features each.

    The table of dates is computed: some published files hold it as `pos_embed`, later ones do not.
    """

    dates: Tensor

    def __init__(self, kinds: Sequence[str], width: int) -> None:
        """Create the tables for some kinds of sensors."""
        super().__init__()
        self.quarter = width // 4
        self.register_buffer("dates", sine_table(torch.arange(LONGEST), self.quarter), persistent=False)
        self.month_embed = nn.Embedding.from_pretrained(month_table(self.quarter))
        self.per_modality_channel_embeddings = nn.ParameterDict(
            {kind: nn.Parameter(torch.zeros(len(GROUPS[kind]), self.quarter)) for kind in kinds}
        )

    def forward(self, kind: str, group: int, months: Tensor, place: Tensor) -> Tensor:
        """Return (N, T, P, D) of a group.

        Args:
            kind: of the sensor.
            group: number of the group among those of the kind.
            months: (N, T), 0 to 11.
            place: (P, D / 4).
        """
        shape = (*months.shape, place.shape[0], self.quarter)
        parts = (
            self.per_modality_channel_embeddings[kind][group],
            self.dates[: months.shape[1], None],
            self.month_embed(months)[:, :, None],
            place.to(self.dates),
        )
        return torch.cat([part.expand(shape) for part in parts], dim=-1)


class PatchEmbeddings(nn.Module):
    """The patch embeddings of all groups that are read, by kind of sensor and group."""

    def __init__(self, groups: Sequence[tuple[str, int]], width: int) -> None:
        """Create the embeddings."""
        super().__init__()
        kinds = dict.fromkeys(kind for kind, _ in groups)
        self.per_modality_embeddings = nn.ModuleDict({kind: nn.ModuleDict() for kind in kinds})
        for kind, number in groups:
            made = PatchEmbedding(len(GROUPS[kind][number]), width)
            self.per_modality_embeddings[kind].add_module(f"{kind}__{number}", made)

    def forward(self, kind: str, group: int, enlarged: Tensor) -> Tensor:
        """Return (N, T, P, D) of the (N, T, C, 8 h, 8 w) bands of a group."""
        embedding = self.per_modality_embeddings[kind].get_submodule(f"{kind}__{group}")
        made: Tensor = embedding(enlarged.flatten(0, 1))
        return made.flatten(2).transpose(1, 2).unflatten(0, (enlarged.shape[0], enlarged.shape[1]))


class OlmoEarth(Encoder):
    """The encoder: mean over dates and groups, then over kinds of sensors, of the tokens of each patch.

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
    ) -> None:
        """Create the encoder.

        Args:
            bands: common names of the channels; groups that lack a band are left out.
            size: of the transformer.
            patch: side of a patch in pixels, 1 to 8.
            layers: blocks, from 0, whose tokens are returned; the last block ends in the last norm.
            dates: T, 1 to 12.
            gsd: pixel size in m.

        Raises:
            UsageError: no group is complete, or there are too many dates.
        """
        super().__init__()
        self.groups = [
            (kind, number)
            for kind, groups in GROUPS.items()
            for number, group in enumerate(groups)
            if set(group) <= set(bands)
        ]
        if not self.groups:
            complete = "; ".join(", ".join(group) for groups in GROUPS.values() for group in groups)
            raise UsageError(f"olmoearth needs all bands of a group ({complete}), not {', '.join(bands)}")
        if not 1 <= dates <= LONGEST:
            raise UsageError(f"olmoearth takes 1 to {LONGEST} dates, not {dates}")
        self.channels = [[list(bands).index(band) for band in GROUPS[kind][at]] for kind, at in self.groups]
        self.patch, self.dates, self.gsd, self.layers = patch, dates, gsd, tuple(layers)
        width, depth, heads = size
        self.widths, self.strides = (width,) * len(layers), (patch,) * len(layers)
        self.patch_embeddings = PatchEmbeddings(self.groups, width)
        self.composite_encodings = Encodings(self.kinds, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.fixed: tuple[Tensor, Tensor, Tensor] | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of sensors of which a group is read."""
        return tuple(dict.fromkeys(kind for kind, _ in self.groups))

    def stages(self) -> list[nn.Module]:
        """Return the transformer blocks."""
        return list(self.blocks)

    def is_unused(self, key: str) -> bool:
        """Return whether a key belongs to a kind of sensor, or a group of bands, that is left out."""
        parts = key.split(".")
        if parts[:2] == ["patch_embeddings", "per_modality_embeddings"] and len(parts) > 4:
            return parts[3] not in {f"{kind}__{number}" for kind, number in self.groups}
        known = parts[1:2] == ["per_modality_channel_embeddings"] and len(parts) > 2
        return known and parts[2] not in self.kinds

    def fix_size(self, height: int, width: int) -> None:
        """Store the positions, and the matrices of resizing, of images of one size."""
        self.fixed = self._tables(height, width)

    def forward(self, images: Tensor, about: About) -> list[Tensor]:
        """Return the features of each level.

        Args:
            images: (N, T, C, H, W) normalised; H and W are multiples of the patch.
            about: months; June where unknown.
        """
        count, dates, _, height, width = images.shape
        rows, cols = height // self.patch, width // self.patch
        months = self._months(about, count, images)
        tables = self.fixed or self._tables(height, width)
        down, across, place = (table.to(images) for table in tables)
        enlarged = images if self.patch == STORED_PATCH else down @ images @ across.T
        tokens = torch.stack(
            [
                self.patch_embeddings(kind, number, enlarged[:, :, channels])
                + self.composite_encodings(kind, number, months, place).to(images)
                for (kind, number), channels in zip(self.groups, self.channels, strict=True)
            ],
            dim=1,
        )  # (N, groups, T, P, D)
        tokens = tokens.flatten(1, 3)
        features = []
        for index, block in enumerate(self.blocks):
            tokens = block(tokens)
            if index in self.layers:
                level = self.norm(tokens) if index == len(self.blocks) - 1 else tokens
                mean = self._mean(level.unflatten(1, (len(self.groups), dates, rows * cols)))
                features.append(mean.transpose(1, 2).unflatten(2, (rows, cols)))
        return features

    def _mean(self, tokens: Tensor) -> Tensor:
        """Return (N, P, D) of (N, groups, T, P, D)."""
        kinds = [kind for kind, _ in self.groups]
        means = [
            tokens[:, kinds.index(kind) : kinds.index(kind) + kinds.count(kind)].mean(dim=(1, 2))
            for kind in self.kinds
        ]
        return torch.stack(means).mean(dim=0)

    def _months(self, about: About, count: int, images: Tensor) -> Tensor:
        """Return (N, T)."""
        if about.months is None:
            return torch.full((count, self.dates), UNKNOWN_MONTH, device=images.device)
        return about.months.round().clamp(0, 11).long()

    def _tables(self, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the resizing of rows, that of columns, and (P, D / 4) positions."""
        step = self.gsd * self.patch / REFERENCE_GSD
        place = place_table(height // self.patch, width // self.patch, step, self.widths[0] // 4)
        return enlarging(height, self.patch), enlarging(width, self.patch), place


@cache
def enlarging(side: int, patch: int) -> Tensor:
    """Return (8 side / patch, side): the bicubic resizing of an axis, so that a patch has the stored side.

    It is a matrix, since graphs for TensorRT have no bicubic resizing.
    """
    units = torch.eye(side)[None, None]
    made = functional.interpolate(units, (side // patch * STORED_PATCH, side), mode="bicubic", antialias=True)
    return made[0, 0]
