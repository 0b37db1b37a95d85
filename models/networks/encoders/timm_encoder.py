"""Encoders of timm, plain transformers or hierarchical, by its `forward_intermediates`."""

from __future__ import annotations

from collections.abc import Sequence

import timm
import torch
from geoseg.models.networks.encoders.encoder import LEVELS, About, Encoder
from torch import Tensor, nn

from geoseg.errors import UsageError


class TimmEncoder(Encoder):
    """A model of timm; each date is encoded by itself, and the features of the dates are concatenated."""

    def __init__(
        self,
        architecture: str,
        bands: int,
        *,
        size: tuple[int, int],
        layers: Sequence[int] | int = LEVELS,
        dates: int = 1,
        pretrained: bool = False,
    ) -> None:
        """Create the encoder.

        Args:
            architecture: name of a model in timm.
            bands: channels of one date.
            size: height and width of images in training, in pixels; other sizes are possible.
            layers: blocks or stages, from 0, whose features are returned; a number: that many, the last
                ones of a hierarchical model, spread evenly over a plain one.
            dates: T.
            pretrained: whether timm fetches its weights, unless they are in its cache.

        Raises:
            UsageError: timm has no such model, or it has no intermediate features.
        """
        super().__init__()
        self.architecture, self.in_chans, self.dates = architecture, bands, dates
        self.size = size
        self.model, self.any_size = _create(architecture, bands, size, pretrained=pretrained)
        if not hasattr(self.model, "forward_intermediates"):
            raise UsageError(f"encoder {architecture}: timm gives no intermediate features of it")
        facts = self.model.feature_info
        available = len(facts)
        plain = len({facts[i]["reduction"] for i in range(available)}) == 1
        if isinstance(layers, int):
            step = available / layers
            layers = (
                [round((i + 1) * step) - 1 for i in range(layers)]
                if plain
                else range(max(available - layers, 0), available)
            )
        self.layers = tuple(layers)
        if max(self.layers) >= available:
            raise UsageError(f"encoder {architecture} has {available} levels; there is no {max(self.layers)}")
        self.widths = tuple(facts[i]["num_chs"] * dates for i in self.layers)
        self.strides = tuple(int(facts[i]["reduction"]) for i in self.layers)

    def stages(self) -> list[nn.Module]:
        """Return the blocks of a plain transformer, or the stages of a hierarchical model."""
        for name in ("blocks", "stages", "layers"):
            found = getattr(self.model, name, None)
            if isinstance(found, nn.Sequential | nn.ModuleList):
                return list(found)
        return [module for name, module in self.model.named_children() if name.startswith("layer")]

    def fix_size(self, height: int, width: int) -> None:
        """Store the position table for images of one size, without which a graph would interpolate it."""
        if not self.is_plain:
            self._adapt((height, width))
            return
        fixed, _ = _create(self.architecture, self.in_chans, (height, width), fixed=True)
        if hasattr(self.model, "set_input_size"):
            self.model.set_input_size(img_size=(height, width))
        fixed.load_state_dict(self.model.state_dict())
        self.model = fixed.train(self.training)

    def _adapt(self, size: tuple[int, int]) -> None:
        """Adapt the tables of a model that takes images of one size only.

        Raises:
            UsageError: its tables cannot be adapted.
        """
        if self.any_size or size == self.size:
            return
        if not hasattr(self.model, "set_input_size"):
            raise UsageError(
                f"encoder {self.architecture} takes images of {self.size[0]} x {self.size[1]} pixels only: "
                "set tile and loop.crop alike"
            )
        self.model.set_input_size(img_size=size)
        self.size = size

    def forward(self, images: Tensor, about: About) -> list[Tensor]:
        """Return the features of each level; `about` is not used."""
        del about
        count, dates = images.shape[:2]
        self._adapt((int(images.shape[-2]), int(images.shape[-1])))
        levels: list[Tensor] = self.model.forward_intermediates(
            images.flatten(0, 1), indices=list(self.layers), intermediates_only=True, norm=self.is_plain
        )
        return [level.unflatten(0, (count, dates)).flatten(1, 2) for level in levels]


def _create(
    architecture: str, bands: int, size: tuple[int, int], *, pretrained: bool = False, fixed: bool = False
) -> tuple[nn.Module, bool]:
    """Return a model of timm for an image size, and whether it takes images of other sizes too.

    Raises:
        UsageError: timm has no such model, or cannot fetch its weights.
    """
    options: dict[str, object] = {"pretrained": pretrained, "in_chans": bands, "num_classes": 0}
    sized: dict[str, object] = {"img_size": size}
    tries: tuple[dict[str, object], ...] = (
        {**sized, "dynamic_img_size": not fixed},
        # Swin: windows of one size in images of any size, so that the tables of their positions stay.
        {**sized, "always_partition": True, "strict_img_size": False},
        sized,
        {},
    )
    error: Exception | None = None
    for more in tries:
        try:
            return timm.create_model(architecture, **options, **more), more != sized
        except TypeError as problem:  # the model has no such option
            error = problem
        except (RuntimeError, ValueError, OSError, AttributeError, AssertionError) as problem:
            error = problem
            break
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    raise UsageError(f"encoder {architecture}: {first}") from error


def adapted_kernel(kernel: Tensor, known: Sequence[float], wanted: Sequence[float]) -> Tensor:
    """Return patch kernels for other bands, interpolated by wavelength.

    Args:
        kernel: (D, C, p, p) of the known bands.
        known: wavelengths of the C bands in µm.
        wanted: wavelengths of the new bands in µm; beyond the known ones, the nearest band is used.

    Returns:
        (D, len(wanted), p, p), scaled by C / len(wanted), so that the mean response stays.
    """
    order = sorted(range(len(known)), key=lambda i: known[i])
    axis = torch.tensor([known[i] for i in order], dtype=torch.float64)
    planes = []
    for value in wanted:
        right = int(torch.searchsorted(axis, torch.tensor(value, dtype=torch.float64)).clamp(0, len(order)))
        low, high = max(right - 1, 0), min(right, len(order) - 1)
        gap = float(axis[high] - axis[low])
        share = 0.0 if gap == 0 else (value - float(axis[low])) / gap
        planes.append((1 - share) * kernel[:, order[low]] + share * kernel[:, order[high]])
    return torch.stack(planes, dim=1) * (len(known) / len(wanted))
