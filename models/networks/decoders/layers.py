"""Layers that decoders share."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


def convolution(inputs: int, outputs: int, kernel: int = 3) -> nn.Sequential:
    """Return convolution, batch normalisation and ReLU; the size stays."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def enlarge(planes: Tensor, like: Tensor, *, corners: bool = False) -> Tensor:
    """Return planes at the height and width of other planes, bilinearly.

    Args:
        planes: (N, C, h, w).
        like: has the height and width.
        corners: whether the centres of the corner pixels stay where they are, in place of the outer edges.
    """
    if planes.shape[-2:] == like.shape[-2:]:
        return planes
    return functional.interpolate(planes, like.shape[-2:], mode="bilinear", align_corners=corners)


class Pyramid(nn.Module):
    """Four levels of one stride to a pyramid at 4, 2, 1 and 1/2 of their resolution."""

    def __init__(self, widths: tuple[int, ...], stride: int, *, narrow: bool = False) -> None:
        """Create the layers for four levels.

        Args:
            widths: channels of the levels.
            stride: input pixels per feature.
            narrow: whether the number of channels is halved where the resolution is doubled.
        """
        super().__init__()
        first, second = widths[:2]
        half, quarter, other = (first // 2, first // 4, second // 2) if narrow else (first, first, second)
        self.levels = nn.ModuleList(
            [
                nn.Sequential(
                    nn.ConvTranspose2d(first, half, 2, 2),
                    nn.BatchNorm2d(half),
                    nn.GELU(),
                    nn.ConvTranspose2d(half, quarter, 2, 2),
                ),
                nn.ConvTranspose2d(second, other, 2, 2),
                nn.Identity(),
                nn.MaxPool2d(2, ceil_mode=True),
            ]
        )
        self.widths = (quarter, other, *widths[2:])
        self.strides = tuple(stride * factor for factor in (0.25, 0.5, 1, 2))

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Return the levels, the finest first."""
        return [layer(level) for layer, level in zip(self.levels, features, strict=True)]
