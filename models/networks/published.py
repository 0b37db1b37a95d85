"""Published segmentation networks on an encoder: built from a description, loaded by their official names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from geoseg.models.networks.decoders.layers import Pyramid
from geoseg.models.networks.decoders.transposed import Transposed
from geoseg.models.networks.decoders.unet_of_smp import SmpUnet
from geoseg.models.networks.decoders.upernet import UperNet
from geoseg.models.networks.encoders.build_encoder import EncoderRequest, build_encoder
from geoseg.models.networks.encoders.encoder import About, Encoder
from geoseg.models.networks.encoders.load_weights import check_hash, fill, read_state
from torch import Tensor, nn
from torch.nn import functional

from geoseg.spec import EncoderSpec, PublishedSpec
from geoseg.spec.presets import encoders

_UPERNET = {
    r"context\.(\d+)": r"psp_modules.\1.1",
    "join_context": "bottleneck",
    r"lateral\.(\d+)": r"lateral_convs.\1",
    r"smooth\.(\d+)": r"fpn_convs.\1",
    "fuse": "fpn_bottleneck",
}
"""Names of the parts of an UPerNet, as regular expressions, and those in terratorch."""

NECK = "model.neck.2."
"""Where terratorch keeps the pyramid: its third step after choosing and reshaping tokens."""

_TERRATORCH = (
    (r"^encoder\.", "model.encoder."),
    (r"^pyramid\.levels\.0\.", f"{NECK}fpn1."),
    (r"^pyramid\.levels\.1\.", f"{NECK}fpn2.0."),
    (r"^head\.", "model.head.head.2."),
)
"""Names of the parts that both networks of terratorch have."""

NAMES: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        "terratorch-upernet": (
            *_TERRATORCH,
            *(
                (rf"^decoder\.{ours}\.{part}\.", f"model.decoder.{theirs}.{name}.")
                for ours, theirs in _UPERNET.items()
                for part, name in ((0, "conv"), (1, "norm"))
            ),
        ),
        "terratorch-unet": (*_TERRATORCH, (r"^decoder\.", "model.decoder.")),
        "mmseg-fcn": (
            (r"^encoder\.", "backbone."),
            (r"^decoder\.(fpn[12])\.", r"neck.\1."),
            (r"^decoder\.join\.0\.", "decode_head.convs.0.conv."),
            (r"^decoder\.join\.1\.", "decode_head.convs.0.bn."),
            (r"^head\.", "decode_head.conv_seg."),
        ),
    }
)
"""Beginnings of our names of weights, as regular expressions, and those of each layout."""

OTHER_VERSIONS = (
    # Terratorch before 1.0 wrapped encoders, and kept the pyramid in the decoder.
    (r"^model\.encoder\._timm_module\.", "model.encoder."),
    (r"^model\.neck\.\d+\.", NECK),
    (r"^model\.decoder\.(?=fpn[12]\.\d)", NECK),
)
"""Beginnings of names in files of other versions of a library, and those of `NAMES`."""


class PublishedNetwork(nn.Module):
    """(N, C, H, W) normalised bands of all dates to (N, K, H, W) logits."""

    def __init__(self, encoder: Encoder, spec: PublishedSpec) -> None:
        """Join an encoder with the decoder of a layout."""
        super().__init__()
        self.encoder = encoder
        self.pyramid: Pyramid | None = None
        self.decoder: UperNet | SmpUnet | Transposed
        channels = spec.channels[-1]
        if spec.layout == "mmseg-fcn":
            width = encoder.widths[-1]
            self.decoder = Transposed(width, spec.inner or width, channels, spec.dates)
        else:
            self.pyramid = Pyramid(encoder.widths, encoder.strides[0], narrow=True)
            widths = self.pyramid.widths
            self.decoder = (
                UperNet(widths, channels, corners=True)
                if spec.layout == "terratorch-upernet"
                else SmpUnet(widths, spec.channels)
            )
        self.head = nn.Conv2d(channels, len(spec.classes), 1)

    def forward(self, planes: Tensor) -> Tensor:
        """Return logits."""
        levels = self.encoder(planes.unflatten(1, (self.encoder.dates, -1)), About())
        if self.pyramid is not None:
            levels = self.pyramid(levels)
        logits: Tensor = self.head(self.decoder(levels))
        if logits.shape[-2:] != planes.shape[-2:]:
            logits = functional.interpolate(logits, planes.shape[-2:], mode="bilinear")
        return logits


def build_published(spec: PublishedSpec) -> PublishedNetwork:
    """Build a published network with random weights, in evaluation mode.

    Raises:
        UsageError: there is no such encoder.
    """
    return PublishedNetwork(_encoder(spec), spec).eval()


def load_published(network: PublishedNetwork, path: Path, spec: PublishedSpec) -> None:
    """Load the weights of a file, by the names of its layout.

    Raises:
        ModelError: the file cannot be read or has another hash, or a weight is missing, unknown or of another
            shape.
    """
    check_hash(path, spec.weights.sha256)
    names = {official(key, spec.layout): key for key in network.state_dict()}
    given = {
        name: value
        for key, value in read_state(path).items()
        if not (name := _present(key)).startswith(spec.weights.ignore)
    }
    fill(network, given, path, f"network of {spec.name}", names)


def official(key: str, layout: str) -> str:
    """Return the name of a weight in a layout from its name here."""
    for ours, theirs in NAMES[layout]:
        name, count = re.subn(ours, theirs, key)
        if count:
            return name
    raise KeyError(key)


def _present(name: str) -> str:
    """Return the name of a weight in the present version of its library."""
    for pattern, new in OTHER_VERSIONS:
        name = re.sub(pattern, new, name)
    return name


def _encoder(spec: PublishedSpec) -> Encoder:
    known: EncoderSpec = encoders()[spec.encoder]
    changed = {"depth": spec.depth or known.depth, "heads": spec.heads or known.heads}
    layers = (changed["depth"] - 1,) if spec.layout == "mmseg-fcn" else known.layers
    request = EncoderRequest(
        name=spec.encoder, bands=[band.name for band in spec.bands], dates=spec.dates,
        size=(spec.tile, spec.tile),
    )  # fmt: skip
    return build_encoder(request, known.model_copy(update={**changed, "layers": layers}))
