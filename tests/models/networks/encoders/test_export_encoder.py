"""Graphs of every family of encoders equal torch, and have only operators that TensorRT can read."""

from __future__ import annotations

from pathlib import Path

import pytest

from geoseg.bundles.onnx_operators import read_operators
from geoseg.runtimes.tensorrt.tensorrt_operators import NEWEST_OPSET, objections
from geoseg.spec.presets import encoders

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from geoseg.models.networks.encoders import build_encoder as module  # noqa: E402
from geoseg.models.networks.encoders.build_encoder import FAMILIES, EncoderRequest  # noqa: E402
from geoseg.models.networks.encoders.export_encoder import export_encoder  # noqa: E402

FIRST_WITH_NORMS = (10, 0)
"""First TensorRT that reads the normalisation of tokens, which every transformer has."""
SIX = ("blue", "green", "red", "nir08", "swir16", "swir22")
TEN_METRES = ("blue", "green", "red", "nir")
CASES = {
    "galileo": ("galileo-nano", (*TEN_METRES, "vv", "vh"), 2, 4, 16),
    "olmoearth": ("olmoearth-1-nano", (*TEN_METRES, "vv", "vh"), 2, 4, 16),
    "prithvi": ("prithvi-eo-2.0-300m-tl", SIX, 3, None, 32),
    "clay": ("clay-1.5", SIX, 1, None, 16),
    "dofa": ("dofa-1-base", TEN_METRES, 1, None, 32),
    "terramind": ("terramind-1.0-base", TEN_METRES, 1, None, 32),
    "timm": ("tu-test_vit", TEN_METRES, 1, None, 32),
}
"""Name, bands, dates, patch and side of the image of each family."""


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """All descriptions with two narrow blocks: operators and equations are those of the whole encoder."""
    narrow = {"width": 64, "depth": 2, "heads": 1, "layers": (0, 1)}
    made = {name: item.model_copy(update=narrow) for name, item in encoders().items()}
    monkeypatch.setattr(module, "encoders", lambda: made)


@pytest.mark.parametrize("family", FAMILIES)
def test_graphs_equal_torch_and_are_read_by_tensorrt(family: str, tmp_path: Path) -> None:
    name, bands, dates, patch, side = CASES[family]
    path = tmp_path / "encoder.onnx"
    request = EncoderRequest(name=name, bands=bands, dates=dates, patch=patch, size=(side, side))
    width, stride = export_encoder(request, path)  # raises where the graph differs by more than 1e-4
    assert width > 0
    assert side % stride == 0
    operators = read_operators(path)
    versions = [version for version in NEWEST_OPSET if version >= FIRST_WITH_NORMS]
    assert [objections(operators, version) for version in versions] == [()] * len(versions)
