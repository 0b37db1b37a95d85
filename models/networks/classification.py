"""Scene classifiers: one encoder of timm per sensor; one layer on their concatenated pooled features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import timm
import torch
from torch import Tensor, nn

from geoseg.errors import UsageError


class SceneClassifier(nn.Module):
    """(N, C, side, side) normalised images, one per sensor, to (N, K) logits.

    The image of a missing sensor is zeros.
    """

    def __init__(
        self, encoders: Sequence[nn.Module], widths: Sequence[int], classes: int, dropout: float
    ) -> None:
        """Join encoders.

        Args:
            encoders: one per sensor; each returns pooled features.
            widths: number of features of each encoder.
            classes: K.
            dropout: share of features that are zeroed in training.
        """
        super().__init__()
        self.encoders = nn.ModuleList(encoders)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(sum(widths), classes)

    def forward(self, *images: Tensor) -> Tensor:
        """Return logits."""
        features = [encoder(image) for encoder, image in zip(self.encoders, images, strict=True)]
        logits: Tensor = self.head(self.dropout(torch.cat(features, dim=1)))
        return logits


def build_classifier(
    encoder: str,
    inputs: Mapping[str, tuple[int, int]],
    classes: int,
    *,
    pretrained: bool = False,
    dropout: float = 0.0,
) -> SceneClassifier:
    """Build a scene classifier.

    Args:
        encoder: name of timm, for every sensor: `densenet121`, `resnet18`, …
        inputs: bands and pixels a side of each sensor's images, by name.
        classes: K.
        pretrained: whether to download timm's weights; they are adapted to the number of bands.
        dropout: share of features that are zeroed in training.

    Raises:
        UsageError: timm has no such encoder, or the encoder does not accept such images.
    """
    encoders, widths = [], []
    for name, (bands, side) in inputs.items():
        try:
            made = timm.create_model(encoder, pretrained=pretrained, in_chans=bands, num_classes=0)
            with torch.no_grad():
                features = made.eval()(torch.zeros(1, bands, side, side))
        except (AssertionError, AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise UsageError(
                f"network.encoder {encoder} for {bands} bands of {side} x {side} pixels ({name}): {first}"
            ) from error
        encoders.append(made.train())
        widths.append(int(features.shape[1]))
    return SceneClassifier(encoders, widths, classes, dropout)
