"""Fixtures of these tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from geoseg.bundles.find import (
    write_bundle,
)
from tests.bundles.networks import (
    make_spec,
    save_network,
)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return save_network(tmp_path / "made.onnx")


@pytest.fixture
def bundle(tmp_path: Path, weights: Path) -> Path:
    folder = tmp_path / "water-net"
    write_bundle(folder, make_spec(weights), architecture="1 x 1 convolution", card="# Water\n")
    return folder


@pytest.fixture
def no_own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "own"
    monkeypatch.setenv("GEOSEG_MODELS", str(folder))
    return folder
