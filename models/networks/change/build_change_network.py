"""From a list of bands to a network of two dates."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from geoseg.models.networks.change.two_dates import dates_of
from torch import Tensor, nn

from geoseg.spec import NetworkSpec


class TwoDatesNetwork(nn.Module):
    """Takes both dates as the channels of one input."""

    def __init__(self, body: nn.Module, first: Sequence[int], second: Sequence[int]) -> None:
        """Take a network of two inputs and the channels of each date."""
        super().__init__()
        self.body = body
        self.first, self.second = list(first), list(second)

    def forward(self, planes: Tensor) -> Tensor:
        """Return (N, K, H, W) logits of (N, 2 C, H, W)."""
        logits: Tensor = self.body(_channels(planes, self.first), _channels(planes, self.second))
        return logits


def _channels(planes: Tensor, wanted: list[int]) -> Tensor:
    """Some channels; a slice where they stand side by side, which costs nothing."""
    if wanted == list(range(wanted[0], wanted[-1] + 1)):
        return planes[:, wanted[0] : wanted[-1] + 1]
    return planes[:, wanted]


def build_change(spec: NetworkSpec, bands: Sequence[str], planes: int) -> nn.Module:
    """Build a network of two dates, by `build` of the file with the name of the family.

    The family is the name of the architecture up to its first hyphen: `fc.py` has `fc-ef`.

    Args:
        spec: architecture and encoder.
        bands: names of the channels, see `dates_of`.
        planes: of the output.

    Raises:
        UsageError: the bands are not those of two dates.
        ValueError: timm or segmentation-models-pytorch has no such encoder.
    """
    first, second = dates_of(bands)
    family = import_module(f"{__package__}.{spec.architecture.partition('-')[0]}")
    return TwoDatesNetwork(family.build(spec, len(first), planes), first, second)
