"""Scene classifiers: one encoder of timm a sensor, their pooled features beside each other, one layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import timm
import torch
from torch import Tensor, nn

from geoseg.errors import UsageError


class SceneClassifier(nn.Module):
    """(N, C, side, side) normalised images, one a sensor, to (N, K) logits.

    A sensor that is missing is given as zeros.
    """

    def __init__(
        self, encoders: Sequence[nn.Module], widths: Sequence[int], classes: int, dropout: float
    ) -> None:
        """Join encoders.

        Args:
            encoders: one a sensor, each gives pooled features.
            widths: of their features.
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
        pretrained: whether timm's weights are fetched; they are adapted to the number of bands.
        dropout: share of features that are zeroed in training.

    Raises:
        UsageError: timm knows no such encoder, or it does not take such images.
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
