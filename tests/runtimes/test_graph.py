"""Ports, shapes and damage of the file of a network."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from geoseg.errors import ModelError
from geoseg.runtimes.loading import runtime_module
from tests.runtimes.sessions import (
    NAMES,
    MakeNetwork,
    opened,
)


@pytest.fixture(params=NAMES[:2])
def onnx_runtime(request: pytest.FixtureRequest) -> str:
    """A runtime that reads the ONNX file, not the program beside it."""
    name = str(request.param)
    if not runtime_module(name).status().usable:
        pytest.skip(f"{name} is not installed")
    return name


@pytest.mark.parametrize(
    ("network", "told"),
    [
        ({"planes": 3, "classes": 2}, "returns 3 planes, but its description names 2 classes"),
        ({"planes": 1}, "one plane requires activation sigmoid"),
        ({"tail": "ArgMax", "planes": 2}, "without its final argmax|export"),
        ({"tail": "MaxPool"}, "scores for every pixel"),
    ],
)
def test_networks_that_are_not_as_described(
    runtime: str, network: dict[str, object], told: str, make_network: MakeNetwork, tiles: np.ndarray
) -> None:
    with pytest.raises(ModelError, match=told):
        opened(make_network(**network), runtime).session(tiles)


def test_wrong_channels(runtime: str, make_network: MakeNetwork) -> None:
    spec = make_network(bands=3)
    wrong = spec.model_copy(update={"bands": spec.bands[:2]})
    with pytest.raises(ModelError, match="has 3 input channels, but its description names 2: b0, b1"):
        opened(wrong, runtime)


def test_wrong_tile(runtime: str, make_network: MakeNetwork) -> None:
    with pytest.raises(ModelError, match="tiles of 32 only"):
        opened(make_network(tile=32), runtime, tile=64)
    with pytest.raises(ModelError, match="multiples of 16"):
        opened(make_network(), runtime, tile=40)
    lying = make_network(tile=32).model_copy(update={"fixed_tile": False})
    with pytest.raises(ModelError, match="`--tile 32`"):
        opened(lying, runtime, tile=64)


def test_wrong_batch(runtime: str, make_network: MakeNetwork) -> None:
    spec = make_network(batch=2).model_copy(update={"fixed_batch": 4})
    with pytest.raises(ModelError, match="batch size of 2"):
        opened(spec, runtime)


def test_missing_ports(onnx_runtime: str, make_network: MakeNetwork) -> None:
    spec = make_network()
    with pytest.raises(ModelError, match="no input 'x'; it has image"):
        opened(spec.model_copy(update={"input_name": "x"}), onnx_runtime)
    with pytest.raises(ModelError, match="no output 'y'"):
        opened(spec.model_copy(update={"output_name": "y"}), onnx_runtime)


@pytest.mark.parametrize("content", [b"no network at all", b"", b"\x08\x09\x3a\xff\xff\x7f"])
def test_damaged_files(onnx_runtime: str, content: bytes, make_network: MakeNetwork) -> None:
    spec = make_network()
    spec.weights.write_bytes(content)
    with pytest.raises(ModelError, match=r"network\.onnx"):
        opened(spec, onnx_runtime)


def test_truncated_file(onnx_runtime: str, make_network: MakeNetwork) -> None:
    spec = make_network(4, kernel=3)
    spec.weights.write_bytes(spec.weights.read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"network\.onnx"):
        opened(spec, onnx_runtime)


def test_missing_weights(onnx_runtime: str, make_network: MakeNetwork, tmp_path: Path) -> None:
    spec = make_network().model_copy(update={"weights": tmp_path / "none.onnx"})
    with pytest.raises(ModelError, match="geoseg models pull network"):
        opened(spec, onnx_runtime)


def test_hash(runtime: str, make_network: MakeNetwork) -> None:
    spec = make_network()
    sha256 = hashlib.sha256(spec.weights.read_bytes()).hexdigest()
    opened(spec.model_copy(update={"sha256": sha256.upper()}), runtime)
    with pytest.raises(ModelError, match="damaged or is another file"):
        opened(spec.model_copy(update={"sha256": "0" * 64}), runtime)
