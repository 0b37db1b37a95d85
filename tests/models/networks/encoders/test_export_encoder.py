"""Graphs of every family of encoders equal torch, and have only operators that TensorRT can read."""

from __future__ import annotations

from pathlib import Path

import pytest

from geoseg.bundles.onnx_operators import read_operators
from geoseg.runtimes.tensorrt.tensorrt_operators import NEWEST_OPSET, objections

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from geoseg.models.networks.encoders.build_encoder import FAMILIES, EncoderRequest  # noqa: E402
from geoseg.models.networks.encoders.export_encoder import export_encoder  # noqa: E402

from tests.models.networks.encoders.small_encoders import CASES, use_small_encoders  # noqa: E402

FIRST_WITH_NORMS = (10, 0)
"""First TensorRT that reads the normalisation of tokens, which every transformer has."""


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    use_small_encoders(monkeypatch)


@pytest.mark.parametrize("family", FAMILIES)
def test_graphs_equal_torch_and_are_read_by_tensorrt(family: str, tmp_path: Path) -> None:
    case = CASES[family]
    path, side = tmp_path / "encoder.onnx", case.side
    request = EncoderRequest(
        name=case.name, bands=case.bands, dates=case.dates, patch=case.patch, size=(side, side * 3 // 2)
    )
    width, stride = export_encoder(request, path)  # raises where the graph differs by more than 1e-4
    assert width > 0
    assert side % stride == 0
    operators = read_operators(path)
    versions = [version for version in NEWEST_OPSET if version >= FIRST_WITH_NORMS]
    assert [objections(operators, version) for version in versions] == [()] * len(versions)
