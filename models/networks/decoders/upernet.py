"""UPerNet (Xiao et al. 2018, arXiv:1807.10221): pooled context and a feature pyramid."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from geoseg.models.networks.decoders.layers import convolution, enlarge
from torch import Tensor, nn

BINS = (1, 2, 3, 6)
"""Squares into which the coarsest level is pooled, along each side."""


class UperNet(nn.Module):
    """Levels of a pyramid to planes at the resolution of the finest."""

    def __init__(self, widths: Sequence[int], channels: int, *, corners: bool = False) -> None:
        """Create the layers.

        Args:
            widths: channels of the levels, the finest first.
            channels: of the result.
            corners: as in `enlarge`.
        """
        super().__init__()
        self.channels, self.corners = channels, corners
        last = widths[-1]
        self.context = nn.ModuleList(convolution(last, channels, 1) for _ in BINS)
        self.join_context = convolution(last + len(BINS) * channels, channels)
        self.lateral = nn.ModuleList(convolution(width, channels, 1) for width in widths[:-1])
        self.smooth = nn.ModuleList(convolution(channels, channels) for _ in widths[:-1])
        self.fuse = convolution(channels * len(widths), channels)

    def forward(self, levels: list[Tensor]) -> Tensor:
        """Return (N, channels, h, w)."""
        top, corners = levels[-1], self.corners
        pooled = [
            enlarge(layer(pool(top, bins)), top, corners=corners)
            for layer, bins in zip(self.context, BINS, strict=True)
        ]
        made = [self.join_context(torch.cat([top, *pooled], dim=1))]
        for layer, level in zip(reversed(self.lateral), reversed(levels[:-1]), strict=True):
            made.insert(0, layer(level) + enlarge(made[0], level, corners=corners))
        smooth = [layer(level) for layer, level in zip(self.smooth, made[:-1], strict=True)]
        fine = smooth[0] if smooth else made[-1]
        parts = [enlarge(level, fine, corners=corners) for level in (*smooth, made[-1])]
        return self.fuse(torch.cat(parts, dim=1))


def pool(planes: Tensor, bins: int) -> Tensor:
    """Return the means over `bins` x `bins` rectangles that cover the planes, as adaptive pooling does.

    Two products with constant matrices, which TensorRT reads, unlike adaptive pooling of any size.
    """
    rows, cols = (averages(int(side), bins).to(planes) for side in planes.shape[-2:])
    return torch.matmul(torch.matmul(rows, planes), cols.T)


def averages(side: int, bins: int) -> Tensor:
    """Return (bins, side): each row averages one of `bins` parts of a side, which may share a pixel."""
    matrix = torch.zeros(bins, side)
    for index in range(bins):
        begin, end = index * side // bins, -(-(index + 1) * side // bins)
        matrix[index, begin:end] = 1 / (end - begin)
    return matrix
