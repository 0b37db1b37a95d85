"""Half precision is compared with float32, and is taken where it agrees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geoseg.errors import RuntimeMissingError
from geoseg.runtimes import fastest as ways
from geoseg.runtimes import openvino
from geoseg.runtimes import precision as precisions
from geoseg.runtimes.choose import open_session
from geoseg.runtimes.graph import LoadRequest
from geoseg.runtimes.loading import load_session
from geoseg.runtimes.measured import Timing
from tests.messages import Messages
from tests.runtimes.programs import with_program
from tests.runtimes.sessions import (
    MakeNetwork,
)


@pytest.fixture
def fast_bf16(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take bfloat16 for twice as fast as it is; the arithmetic is its own."""
    if "bf16" not in openvino.status().precisions:
        pytest.skip("this processor has no bfloat16")
    monkeypatch.setenv("GEOSEG_CACHE", str(tmp_path / "cache"))

    def timings(*_: object) -> list[Timing]:
        return [
            Timing(runtime="openvino", precision="fp32", seconds=0.2, cpu_seconds=0.2),
            Timing(runtime="openvino", precision="bf16", seconds=0.1, cpu_seconds=0.1),
        ]

    monkeypatch.setattr(ways, "time_tiles", timings)


def test_a_precision_that_is_asked_for_is_compared(
    make_network: MakeNetwork, tiles: np.ndarray, messages: Messages
) -> None:
    """It is taken whatever it gives; what it gives is told, and warned of where `auto` would not take it."""
    pytest.importorskip("torch", reason="the extra `torch` is not installed")
    options: Any = {"runtime": "torch", "device": "cpu", "precision": "bf16", "tile": 32}
    good = open_session(with_program(make_network(2, gain=5)), check=tiles, **options)
    assert good.agreement is not None
    assert good.agreement > 0.99
    assert messages.warnings == []
    assert "precision bf16: " in " ".join(messages.notes)
    assert "to fp32 on 5 tiles of this scene" in " ".join(messages.notes)
    # Small differences between large numbers are what eight bits of mantissa lose.
    check = tiles + np.float32(1000)
    messages.clear()
    network = make_network(2, gain=5, balanced=True)
    bad = open_session(with_program(network), check=check, **options)
    assert bad.precision == "bf16"
    assert bad.agreement is not None
    assert bad.agreement < 0.99
    (warning,) = messages.warnings
    assert warning.startswith("precision bf16: ")
    assert warning.endswith("`--precision auto` would use fp32")
    assert messages.codes == ["precision-changes-map"]
    messages.clear()
    untold = open_session(with_program(make_network(2)), **options)
    assert (untold.agreement, messages.warnings) == (None, [])


def test_without_a_reference_a_precision_is_not_compared(
    make_network: MakeNetwork, tiles: np.ndarray, monkeypatch: pytest.MonkeyPatch, messages: Messages
) -> None:
    pytest.importorskip("torch", reason="the extra `torch` is not installed")
    load = load_session

    def refuse(runtime: str, request: LoadRequest) -> Any:
        if request.precision == "fp32":
            raise RuntimeMissingError("there is no memory for two")
        return load(runtime, request)

    monkeypatch.setattr(precisions, "load_session", refuse)
    spec = with_program(make_network())
    open_session(spec, runtime="torch", device="cpu", precision="bf16", tile=32, check=tiles)
    assert "precision bf16: not compared with fp32, because there is no memory for two" in messages.notes


@pytest.mark.usefixtures("fast_bf16")
def test_bf16_is_taken_where_it_agrees(
    make_network: MakeNetwork, tiles: np.ndarray, messages: Messages
) -> None:
    spec = make_network(2, gain=5)
    found = open_session(spec, tile=32, check=tiles, count=100)
    assert found.precision == "bf16"
    assert found.agreement is not None
    assert found.agreement >= 0.995
    assert "bf16" in found.session.description
    assert "5 tiles of this scene" in messages.notes[-1]
    assert found.measured is not None
    assert found.measured["seconds"] == {"openvino fp32": 0.2, "openvino bf16": 0.1}
    assert found.measured["kept"] is True


@pytest.mark.usefixtures("fast_bf16")
def test_bf16_is_left_where_it_does_not(
    make_network: MakeNetwork, tiles: np.ndarray, messages: Messages
) -> None:
    # Small differences between large numbers are what eight bits of mantissa lose.
    check = tiles + np.float32(1000)
    found = open_session(make_network(2, gain=5, balanced=True), tile=32, check=check, count=100)
    assert found.precision == "fp32"
    assert found.agreement is not None
    assert found.agreement < 0.995
    assert "bf16 gave only" in messages.notes[-1]
    assert "fp32" in found.session.description


@pytest.mark.usefixtures("fast_bf16")
@pytest.mark.parametrize(("count", "given"), [(1, True), (100, False)], ids=["few tiles", "no tiles"])
def test_bf16_is_not_taken_untried(
    count: int, given: bool, make_network: MakeNetwork, tiles: np.ndarray
) -> None:
    found = open_session(make_network(), tile=32, check=tiles if given else None, count=count)
    assert (found.precision, found.agreement) == ("fp32", None)


def test_tiles_are_read_only_where_they_are_needed(make_network: MakeNetwork, tiles: np.ndarray) -> None:
    def refuse() -> np.ndarray:
        raise AssertionError("read")

    assert open_session(make_network(), tile=32, check=refuse).precision == "fp32"
    options: Any = {"runtime": "onnxruntime", "precision": "fp32", "count": 100}
    assert open_session(make_network(), tile=32, check=refuse, **options).precision == "fp32"
    calls = []

    def read() -> np.ndarray:
        calls.append(1)
        return tiles

    open_session(make_network(2, activation="none", tail="Sigmoid"), tile=32, check=read)
    assert len(calls) == 1
