"""Export an encoder as an ONNX graph of a dense feature map."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import onnxruntime
import torch
from geoseg.models.networks.encoders.build_encoder import EncoderRequest, build_encoder
from geoseg.models.networks.encoders.encoder import Encoder, about_planes
from geoseg.models.networks.onnx_graph import write_graph
from torch import Tensor, nn

from geoseg.errors import ModelError
from geoseg.spec.encoders import UNKNOWN_FACT, UNKNOWN_MONTH, metadata_channels

INPUT, OUTPUT = "image", "features"

EXAMPLE = MappingProxyType({"month": 7, "year": 2021, "day": 200, "lat": 47.5, "lon": -8.25})
"""Metadata with which the graph is compared with torch."""

MOST_DIFFERENCE = 1e-4
"""Greatest permitted difference of features from torch, relative to their greatest value."""


class FeatureMap(nn.Module):
    """(N, C, H, W) normalised bands of all dates, then planes of metadata, to (N, D, h, w).

    What features owe to the position in the tile is subtracted: their difference from the mean of the tile
    on an even image. Else position is most of the variance of Galileo's features, and a mosaic of tiles is a
    periodic pattern.
    """

    pattern: Tensor

    def __init__(self, encoder: Encoder, bands: int) -> None:
        """Wrap an encoder of images of `bands` channels per date."""
        super().__init__()
        self.encoder, self.count = encoder, bands * encoder.dates
        self.register_buffer("pattern", torch.zeros(1, 1, 1, 1))

    @property
    def channels(self) -> int:
        """C."""
        return self.count + self.encoder.facts

    @property
    def metadata(self) -> tuple[str, ...]:
        """Names of the planes of metadata, without the prefixes of their dates."""
        return metadata_channels(self.encoder.reads, ("",) * self.encoder.dates)

    def forward(self, planes: Tensor) -> Tensor:
        """Return the features of the last level."""
        images = planes[:, : self.count].unflatten(1, (self.encoder.dates, -1))
        about = about_planes(planes[:, self.count :], self.encoder.reads, self.encoder.dates)
        level: Tensor = self.encoder(images, about)[-1]
        return level - self.pattern

    def remove_pattern(self, size: tuple[int, int], centre: float) -> None:
        """Measure the pattern of positions on an even image of no known date or place."""
        even = torch.full((1, self.channels, *size), centre)
        for channel, name in enumerate(self.metadata, start=self.count):
            even[:, channel] = UNKNOWN_MONTH if name == "month" else UNKNOWN_FACT
        with torch.inference_mode():
            level = self(even)
        self.pattern = level - level.mean(dim=(2, 3), keepdim=True)


def export_encoder(request: EncoderRequest, path: Path, centre: float = 0.0) -> tuple[int, int]:
    """Write the ONNX graph of an encoder for tiles of `request.size`; any number of tiles a call.

    Random weights have one seed, so that an encoder without weights is always the same.

    Args:
        request: name, bands of one date, dates, size, patch, weights.
        path: the ONNX file.
        centre: normalised value of an even image, on which the pattern of positions is measured.

    Returns:
        D, and the stride in pixels.

    Raises:
        UsageError: there is no such encoder, or it does not take the bands, dates or patches.
        ModelError: the weights do not fit, or the graph differs from torch.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = build_encoder(replace(request, bands=tuple(request.bands))).eval()
    encoder.fix_size(*request.size)
    network = FeatureMap(encoder, len(request.bands)).eval()
    network.remove_pattern(request.size, centre)
    example = torch.zeros(2, network.channels, *request.size)
    dynamic = ({0: torch.export.Dim.DYNAMIC},)
    write_graph(network, (example,), path, inputs=(INPUT,), output=OUTPUT, dynamic=dynamic)
    difference = _difference(network, path, request.size)
    if not difference <= MOST_DIFFERENCE:
        raise ModelError(
            f"features of the exported {request.name} differ from torch by {difference:.2g} "
            f"(limit {MOST_DIFFERENCE:g})"
        )
    return encoder.widths[-1], encoder.strides[-1]


def _difference(network: FeatureMap, path: Path, size: tuple[int, int]) -> float:
    """Return the greatest difference of the graph from torch on noise, relative to the greatest feature."""
    planes = np.random.default_rng(0).normal(0, 1, (1, network.channels, *size)).astype(np.float32)
    for channel, name in enumerate(network.metadata, start=network.count):
        planes[:, channel] = EXAMPLE[name]
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        expected = network(torch.from_numpy(planes)).numpy()
    found = session.run(None, {INPUT: planes})[0]
    return float(np.abs(found - expected).max() / max(1.0, float(np.abs(expected).max())))
