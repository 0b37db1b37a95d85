"""An encoder with a decoder as the body of a segmentation network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

import torch
from geoseg.models.networks.decoders.dpt import Dpt
from geoseg.models.networks.decoders.layers import Pyramid
from geoseg.models.networks.decoders.linear import Linear
from geoseg.models.networks.decoders.unet import UnetDecoder
from geoseg.models.networks.decoders.upernet import UperNet
from geoseg.models.networks.encoders.encoder import LEVELS, Encoder, about_planes
from geoseg.models.networks.lora import add_lora
from torch import Tensor, nn
from torch.nn import functional

from geoseg.errors import UsageError
from geoseg.spec import NetworkSpec
from geoseg.spec.band_names import by_date, plain_name

DECODERS: Mapping[str, type[UperNet] | type[Dpt] | type[UnetDecoder] | type[Linear]] = MappingProxyType(
    {"upernet": UperNet, "dpt": Dpt, "unet": UnetDecoder, "linear": Linear}
)
"""Decoder of each architecture."""

CHANNELS = {"upernet": 256, "dpt": 256, "unet": 64, "linear": 0}
"""Default width of each decoder."""


class KeptFeatures(Protocol):
    """Features of images that were encoded before: returns those of a batch, encoded or not."""

    def __call__(
        self, planes: Tensor, encode: Callable[[Tensor], list[Tensor]], *, training: bool
    ) -> list[Tensor]:
        """Return the features of each level of (N, C, H, W) images."""


class EncoderNetwork(nn.Module):
    """(N, C, H, W) normalised bands of all dates, then metadata planes, to (N, K, H, W) logits."""

    def __init__(self, encoder: Encoder, spec: NetworkSpec, bands: Sequence[str], outputs: int) -> None:
        """Join an encoder and the decoder of an architecture.

        Args:
            encoder: for the bands of one date.
            spec: architecture and what is trained.
            bands: of all dates, in channel order: `red`, `t2:red`, …
            outputs: K.

        Raises:
            UsageError: the decoder does not fit the encoder, or the encoder has fewer blocks than asked for.
        """
        super().__init__()
        self.encoder, self.count = encoder, len(bands)
        self.order = [index for date in dates_of_bands(bands).values() for index in date]
        self.pyramid: Pyramid | None = None
        widths = encoder.widths
        if encoder.is_plain and spec.architecture != "linear":
            if len(widths) != LEVELS:
                raise UsageError(
                    f"architecture {spec.architecture} needs {LEVELS} levels of a plain encoder, "
                    f"and {spec.encoder} has {len(widths)}: use linear"
                )
            self.pyramid = Pyramid(widths, encoder.strides[0])
        channels = (*spec.decoder_channels, CHANNELS[spec.architecture])[0]
        self.decoder = DECODERS[spec.architecture](widths, channels)
        self.head = nn.Conv2d(self.decoder.channels, outputs, 1)
        self.frozen = spec.train == "frozen"
        self.kept: KeptFeatures | None = None
        choose_trained(encoder, spec)
        # Lightning keeps the modes that it finds, and does not call train() before the first epoch.
        self.train()

    @property
    def multiple(self) -> int:
        """Number that H and W must be multiples of."""
        return self.encoder.multiple

    def train(self, mode: bool = True) -> EncoderNetwork:
        """Set training mode; a frozen encoder stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def features(self, planes: Tensor) -> list[Tensor]:
        """Return the features of the encoder; without gradients if it is frozen."""
        if self.kept is not None and self.frozen:
            return self.kept(planes, self._encode, training=self.training)
        return self._encode(planes)

    def _encode(self, planes: Tensor) -> list[Tensor]:
        """Run the encoder."""
        images = planes[:, self.order].unflatten(1, (self.encoder.dates, -1))
        about = about_planes(planes[:, self.count :], self.encoder.reads, self.encoder.dates)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            return self.encoder(images, about)

    def decode(self, levels: list[Tensor], size: tuple[int, int]) -> Tensor:
        """Return logits of a height and width from the features of the encoder."""
        if self.pyramid is not None:
            levels = self.pyramid(levels)
        return functional.interpolate(self.head(self.decoder(levels)), size, mode="bilinear")

    def forward(self, planes: Tensor) -> Tensor:
        """Return logits."""
        return self.decode(self.features(planes), (planes.shape[-2], planes.shape[-1]))


def dates_of_bands(bands: Sequence[str]) -> dict[str, list[int]]:
    """Return the channels of each date by its prefix, in the order in which the dates first appear.

    Raises:
        UsageError: the dates have different bands, or another order of them.
    """
    found = by_date(bands)
    names = {tuple(plain_name(bands[index]) for index in indices) for indices in found.values()}
    if len(names) != 1:
        raise UsageError(f"every date needs the same bands in the same order, not {', '.join(bands)}")
    return found


def choose_trained(encoder: Encoder, spec: NetworkSpec) -> None:
    """Set which weights of the encoder are trained: none, all, corrections (LoRA), or the last blocks.

    Raises:
        UsageError: the encoder has fewer blocks, or no attention.
    """
    if spec.train == "full":
        return
    fixed = [name for name, weight in encoder.named_parameters() if not weight.requires_grad]
    encoder.requires_grad_(False)
    if spec.train == "lora":
        if not add_lora(encoder, spec.lora_rank, 2.0 * spec.lora_rank):
            raise UsageError(f"encoder {spec.encoder} has no attention for network.train: lora")
    elif spec.train.startswith("last-"):
        count, stages = int(spec.train.removeprefix("last-")), encoder.stages()
        if count > len(stages):
            raise UsageError(f"network.train {spec.train}: encoder {spec.encoder} has {len(stages)} blocks")
        for stage in stages[len(stages) - count :]:
            stage.requires_grad_(True)
        for name, weight in encoder.named_parameters():
            if name in fixed:
                weight.requires_grad_(False)


def learning_rates(network: EncoderNetwork, rate: float, decay: float) -> list[dict[str, object]]:
    """Return parameter groups whose rate falls by a factor with each block below the decoder.

    Args:
        network: the network.
        rate: of the decoder.
        decay: factor from a block to the one below it; 1: one rate.
    """
    stages = network.encoder.stages()
    depth = {}
    for index, stage in enumerate(stages):
        depth.update({id(weight): len(stages) - index for weight in stage.parameters()})
    below = {id(weight) for weight in network.encoder.parameters()}
    groups: dict[int, list[nn.Parameter]] = {}
    for weight in network.parameters():
        if weight.requires_grad:
            # Patch embedding and norm of the encoder are below the first block.
            level = depth.get(id(weight), len(stages) + 1 if id(weight) in below else 0)
            groups.setdefault(level, []).append(weight)
    return [{"params": weights, "lr": rate * decay**level} for level, weights in sorted(groups.items())]
