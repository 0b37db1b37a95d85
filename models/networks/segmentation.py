"""Segmentation networks: physical features of the bands, then a network of segmentation-models-pytorch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import segmentation_models_pytorch as smp
import timm
import torch
from geoseg.models.networks.change.build_change_network import build_change
from geoseg.models.networks.change.changevit import ChangeViT
from geoseg.models.networks.encoder_network import EncoderNetwork, dates_of_bands
from geoseg.models.networks.encoders.build_encoder import EncoderRequest, build_encoder
from geoseg.models.networks.encoders.encoder import Encoder
from geoseg.models.networks.lora import merge_lora
from geoseg.models.networks.physics import (
    Backscatter,
    Darkening,
    Denormalise,
    Differences,
    TwoDates,
    WaterIndices,
)
from torch import Tensor, nn
from torch.nn import functional

from geoseg.errors import UsageError
from geoseg.spec import DECODED, TWO_DATES, NetworkSpec
from geoseg.spec.band_names import plain_name
from geoseg.spec.presets import encoders

FEATURES: dict[
    str, type[WaterIndices] | type[Backscatter] | type[TwoDates] | type[Darkening] | type[Differences]
] = {
    "water-indices": WaterIndices,
    "backscatter": Backscatter,
    "two-dates": TwoDates,
    "darkening": Darkening,
    "differences": Differences,
}

PIXEL_LAYERS, PIXEL_DROPOUT = (64, 64), 0.2
"""Channels of the hidden layers of a pixel network, and the share of channels that training leaves out."""

SPATIAL = {"unet", "unetplusplus", "manet", "linknet"}
"""Architectures that take a list of decoder channels."""


class PixelNetwork(nn.Sequential):
    """Layers between the channels of each pixel: what is around it is in the features alone."""

    def __init__(self, planes: int, hidden: Sequence[int], out: int) -> None:
        """Create hidden layers of the given numbers of channels."""
        layers: list[nn.Module] = []
        for width in hidden:
            layers += [nn.Conv2d(planes, width, 1), nn.ReLU(), nn.Dropout2d(PIXEL_DROPOUT)]
            planes = width
        super().__init__(*layers, nn.Conv2d(planes, out, 1))


class Segmenter(nn.Module):
    """(N, C, H, W) normalised bands to (N, K, H, W) logits; two classes have one plane.

    H and W are multiples of `multiple`.
    """

    def __init__(
        self,
        body: nn.Module,
        features: nn.Module | None,
        *,
        multiple: int,
        prior: bool = False,
        reduce: int = 1,
    ) -> None:
        """Join a network with the features that are computed before it.

        Args:
            body: takes bands and features.
            features: returns further planes and the prior's logit.
            multiple: number that H and W must be multiples of.
            prior: whether the output of the body is added to the prior; its last layer then starts at 0.
            reduce: side in pixels of the squares that are averaged before the body.
        """
        super().__init__()
        self.reduce, self.multiple = reduce, multiple
        self.body = body
        self.features = features
        self.prior = prior
        if prior:
            last = [module for module in body.modules() if isinstance(module, nn.Conv2d)][-1]
            nn.init.zeros_(last.weight)
            if last.bias is not None:
                nn.init.zeros_(last.bias)

    def forward(self, planes: Tensor) -> Tensor:
        """Return logits."""
        if self.features is None:
            return self._logits(planes)
        features, prior = self.features(planes)
        logits = self._logits(torch.cat([planes, features], dim=1))
        return logits + prior if self.prior else logits

    def _logits(self, planes: Tensor) -> Tensor:
        """Return the logits of the body at the resolution of the input."""
        if self.reduce == 1:
            logits: Tensor = self.body(planes)
            return logits
        small: Tensor = self.body(functional.avg_pool2d(planes, self.reduce))
        return functional.interpolate(small, scale_factor=float(self.reduce), mode="bilinear")

    @property
    def encoder_network(self) -> EncoderNetwork | None:
        """Return the encoder with its decoder; None for other networks."""
        return self.body if isinstance(self.body, EncoderNetwork) else None

    @property
    def fixed_size(self) -> bool:
        """Whether an exported graph accepts one tile size only, because it has tables of positions."""
        return any(isinstance(part, ChangeViT | Encoder) for part in self.body.modules())

    def fix_size(self, side: int) -> None:
        """Merge low-rank corrections and compute position tables for squares of one size, for an export."""
        merge_lora(self.body)
        for part in [part for part in self.body.modules() if isinstance(part, ChangeViT | Encoder)]:
            part.fix_size(side // self.reduce, side // self.reduce)

    def prior_logit(self, planes: Tensor) -> Tensor | None:
        """Return the prior (N, 1, H, W), the logit from physics alone; None without features."""
        return None if self.features is None else self.features(planes)[1]


def build(
    spec: NetworkSpec,
    *,
    bands: Sequence[str],
    classes: int,
    statistics: Sequence[tuple[float, float]],
    scale: float = 1.0,
    size: int = 256,
    gsd: float | None = None,
    weights: Path | None = None,
) -> Segmenter:
    """Build a network.

    Args:
        spec: architecture, encoder and the features before them.
        bands: names of the channels.
        classes: at least two; two make one plane.
        statistics: mean and std that each band is normalised with, in model units.
        scale: model units = physical * scale.
        size: side of the images in training, for encoders with tables of positions.
        gsd: pixel size in m, for encoders that depend on it; None: that of their training.
        weights: published weights of an encoder; None: those that `spec` names of timm, or random.

    Raises:
        UsageError: the library has no such network, or not with these options.
        ModelError: the weights do not fit the encoder.
    """
    if has_encoder(spec):
        return _with_encoder(spec, bands, 1 if classes == 2 else classes, statistics, size, gsd, weights)
    made: nn.Module | None = None
    planes = len(bands)
    if spec.features != "none":
        undo = Denormalise([mean for mean, _ in statistics], [std for _, std in statistics], scale)
        made = FEATURES[spec.features](bands, undo)
        planes += made.planes
    options: dict[str, object] = {} if spec.depth == 5 else {"encoder_depth": spec.depth}
    if spec.architecture in SPATIAL and (spec.depth != 5 or spec.decoder_channels):
        options["decoder_channels"] = spec.decoder_channels or (256, 128, 64, 32, 16)[5 - spec.depth :]
    out = 1 if classes == 2 else classes
    try:
        if spec.architecture in TWO_DATES:
            body = build_change(spec, bands, out)
        elif spec.architecture == "pixel":
            body = PixelNetwork(planes, spec.decoder_channels or PIXEL_LAYERS, out)
        else:
            body = smp.create_model(
                spec.architecture,
                encoder_name=spec.encoder,
                encoder_weights=spec.pretrained,
                in_channels=planes,
                classes=out,
                **options,
            )
    except (ValueError, KeyError, TypeError, RuntimeError, AttributeError, OSError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UsageError(f"network {spec.architecture} with encoder {spec.encoder}: {first}") from error
    return Segmenter(body, made, multiple=spec.multiple, prior=spec.prior, reduce=spec.reduce)


def has_encoder(spec: NetworkSpec) -> bool:
    """Return whether an encoder of geoseg is used, not one of segmentation-models-pytorch.

    That library has decoders of its own for hierarchical encoders of timm, and a U-Net keeps them.
    """
    if spec.architecture not in DECODED:
        return False
    if spec.encoder in encoders() or spec.architecture == "linear":
        return True
    return spec.encoder.startswith("tu-") and (spec.architecture != "unet" or _is_plain(spec.encoder[3:]))


def _is_plain(architecture: str) -> bool:
    """Return whether a model of timm is a plain transformer, whose patches all have one size."""
    try:
        with torch.device("meta"):
            facts = timm.create_model(architecture).feature_info
    except (RuntimeError, AttributeError):
        return False
    return len({item["reduction"] for item in facts}) == 1


def _with_encoder(
    spec: NetworkSpec,
    bands: Sequence[str],
    out: int,
    statistics: Sequence[tuple[float, float]],
    size: int,
    gsd: float | None,
    weights: Path | None,
) -> Segmenter:
    """Build a network with an encoder of geoseg; for the arguments see `build`."""
    unused = [
        name for name, given in (("features", spec.features != "none"), ("prior", spec.prior),
                                 ("pretrained", spec.pretrained), ("depth", spec.depth != 5)) if given
    ]  # fmt: skip
    if unused:
        raise UsageError(
            f"network.encoder {spec.encoder} takes no {', '.join(unused)}; network.weights names its weights"
        )
    dates = dates_of_bands(bands)
    first = next(iter(dates.values()))
    names = [plain_name(bands[index]) for index in first]
    encoder = build_encoder(
        EncoderRequest(
            name=spec.encoder,
            bands=names,
            dates=len(dates),
            size=(size // spec.reduce, size // spec.reduce),
            patch=spec.patch,
            gsd=gsd,
            statistics=[statistics[index] for index in first],
            weights=weights,
            fetch=spec.weights == "timm" and weights is None,
        )
    )
    body = EncoderNetwork(encoder, spec, bands, out)
    return Segmenter(body, None, multiple=body.multiple * spec.reduce, reduce=spec.reduce)
