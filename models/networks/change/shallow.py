"""The first stages of an encoder of segmentation-models-pytorch."""

from __future__ import annotations

from segmentation_models_pytorch.encoders import get_encoder
from torch import nn


def shallow_encoder(name: str, bands: int, depth: int, pretrained: str | None) -> nn.Module:
    """Return an encoder up to its `depth`-th halving.

    ResNets of the library keep later stages, whose unused weights would be stored and stop training on
    several GPUs.
    """
    encoder: nn.Module = get_encoder(name, in_channels=bands, depth=depth, weights=pretrained)
    for stage in range(depth, 5):
        if hasattr(encoder, f"layer{stage}"):
            setattr(encoder, f"layer{stage}", nn.Identity())
    return encoder
