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


def enlarge(planes: Tensor, like: Tensor) -> Tensor:
    """Return planes at the height and width of other planes, bilinearly."""
    if planes.shape[-2:] == like.shape[-2:]:
        return planes
    return functional.interpolate(planes, like.shape[-2:], mode="bilinear")


class Pyramid(nn.Module):
    """Four levels of one stride to a pyramid at 4, 2, 1 and 1/2 of their resolution."""

    def __init__(self, widths: tuple[int, ...], stride: int) -> None:
        """Create the layers for four levels.

        Args:
            widths: channels of the levels, which the pyramid keeps.
            stride: input pixels per feature.
        """
        super().__init__()
        first, second = widths[:2]
        self.levels = nn.ModuleList(
            [
                nn.Sequential(
                    nn.ConvTranspose2d(first, first, 2, 2),
                    nn.BatchNorm2d(first),
                    nn.GELU(),
                    nn.ConvTranspose2d(first, first, 2, 2),
                ),
                nn.ConvTranspose2d(second, second, 2, 2),
                nn.Identity(),
                nn.MaxPool2d(2, ceil_mode=True),
            ]
        )
        self.widths = widths
        self.strides = tuple(stride * factor for factor in (0.25, 0.5, 1, 2))

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Return the levels, the finest first."""
        return [layer(level) for layer, level in zip(self.levels, features, strict=True)]
