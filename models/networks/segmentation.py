"""Segmentation networks: physical features of the bands, then a network of segmentation-models-pytorch."""

from __future__ import annotations

from collections.abc import Sequence

import segmentation_models_pytorch as smp
import torch
from geoseg.models.networks.change.build_change_network import build_change
from geoseg.models.networks.change.changevit import ChangeViT
from geoseg.models.networks.physics import Backscatter, Denormalise, Differences, TwoDates, WaterIndices
from torch import Tensor, nn
from torch.nn import functional

from geoseg.errors import UsageError
from geoseg.spec import TWO_DATES, NetworkSpec

FEATURES: dict[str, type[WaterIndices] | type[Backscatter] | type[TwoDates] | type[Differences]] = {
    "water-indices": WaterIndices,
    "backscatter": Backscatter,
    "two-dates": TwoDates,
    "differences": Differences,
}

SPATIAL = {"unet", "unetplusplus", "manet", "linknet"}
"""Architectures that take a list of decoder channels."""


class Segmenter(nn.Module):
    """(N, C, H, W) normalised bands to (N, K, H, W) logits; two classes have one plane.

    H and W are multiples of `NetworkSpec.multiple`.
    """

    def __init__(
        self, body: nn.Module, features: nn.Module | None, *, prior: bool = False, reduce: int = 1
    ) -> None:
        """Join a network with the features that are computed before it.

        Args:
            body: takes bands and features.
            features: returns further planes and the prior's logit.
            prior: whether the output of the body is added to the prior; its last layer then starts at 0.
            reduce: side in pixels of the squares that are averaged before the body.
        """
        super().__init__()
        self.reduce = reduce
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

    def fix_size(self, side: int) -> None:
        """Compute position tables of transformers for squares of one size, before an export."""
        for part in [part for part in self.body.modules() if isinstance(part, ChangeViT)]:
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
) -> Segmenter:
    """Build a network.

    Args:
        spec: architecture, encoder and the features before them.
        bands: names of the channels.
        classes: at least two; two make one plane.
        statistics: mean and std that each band is normalised with, in model units.
        scale: model units = physical * scale.

    Raises:
        UsageError: the library has no such network, or not with these options.
    """
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
        else:
            body = smp.create_model(
                spec.architecture,
                encoder_name=spec.encoder,
                encoder_weights=spec.pretrained,
                in_channels=planes,
                classes=out,
                **options,
            )
    except (ValueError, KeyError, TypeError, RuntimeError, AttributeError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UsageError(f"network {spec.architecture} with encoder {spec.encoder}: {first}") from error
    return Segmenter(body, made, prior=spec.prior, reduce=spec.reduce)
