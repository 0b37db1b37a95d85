"""The fastest way to run a network: from times, the default unless another is clearly faster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from geoseg.errors import ModelError
from geoseg.runtimes import fastest as ways
from geoseg.runtimes.choose import open_session
from geoseg.runtimes.fastest import choose
from geoseg.runtimes.graph import Choice
from geoseg.runtimes.loading import load_session, runtime_module
from geoseg.runtimes.measured import Timing, all_kept
from geoseg.spec import ModelSpec
from tests.messages import Messages

MakeNetwork = Callable[..., ModelSpec]
ORT: Choice = ("onnxruntime", "fp32")
FP32: Choice = ("openvino", "fp32")
BF16: Choice = ("openvino", "bf16")


def timings(**seconds: float | tuple[float, float]) -> list[Timing]:
    """Times of `ort`, `fp32`, `bf16`: wall and processor time, or both alike."""
    named = {"ort": ORT, "fp32": FP32, "bf16": BF16}
    both = {name: value if isinstance(value, tuple) else (value, value) for name, value in seconds.items()}
    return [
        Timing(runtime=named[name][0], precision=named[name][1], seconds=wall, cpu_seconds=cpu)
        for name, (wall, cpu) in both.items()
    ]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({"ort": 0.2, "fp32": 0.2, "bf16": 0.1}, BF16),
        ({"ort": 0.2, "fp32": 0.2, "bf16": 0.3}, FP32),
        ({"ort": 0.1, "fp32": 0.2, "bf16": 0.3}, ORT),
        ({"ort": 0.19, "fp32": 0.2, "bf16": 0.3}, FP32),
        # bf16 gains on the default, hardly on the fastest fp32.
        ({"ort": 0.1, "fp32": 0.2, "bf16": 0.095}, ORT),
        # Another process took the wall time of one of them, or the clock of the other was lucky.
        ({"ort": 0.2, "fp32": (0.4, 0.2), "bf16": (0.2, 0.2)}, FP32),
        ({"ort": 0.2, "fp32": 0.2, "bf16": (0.2, 0.1)}, FP32),
        # A tenth of a millisecond is nothing.
        ({"ort": 0.0002, "fp32": 0.0002, "bf16": 0.0001}, FP32),
        # What could not run has no time.
        ({"ort": 0.2, "bf16": 0.1}, BF16),
        ({"bf16": 0.1}, BF16),
        ({"fp32": 0.2}, FP32),
        ({}, FP32),
    ],
)
def test_the_default_is_left_only_for_a_clear_gain(seconds: dict[str, Any], expected: Choice) -> None:
    assert choose(timings(**seconds), [FP32, BF16, ORT]) == expected


def test_only_what_is_allowed_is_taken() -> None:
    assert choose(timings(ort=0.3, fp32=0.2, bf16=0.1), [FP32, ORT]) == FP32
    assert choose(timings(ort=0.3, fp32=0.2, bf16=0.1), [ORT]) == ORT


@pytest.fixture
def cache(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEOSEG_CACHE", str(tmp_path / "cache"))


@pytest.mark.usefixtures("cache")
def test_each_runtime_and_precision_is_timed_once(
    make_network: MakeNetwork, tiles: np.ndarray, messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the clock of this machine; a network so small keeps the default."""
    spec = make_network(2, gain=5)
    options: dict[str, Any] = {"device": "cpu", "tile": 32, "check": tiles, "count": 50}
    first = open_session(spec, **options)
    (kept,) = all_kept()
    statuses = [runtime_module(name).status() for name in ("openvino", "onnxruntime")]
    expected = {(item.name, name) for item in statuses for name in item.precisions if item.usable}
    assert {(item.runtime, item.precision) for item in kept.timings} == expected
    assert all(0 < item.seconds < 10 for item in kept.timings)
    assert any("times network in each runtime and precision" in text for text in messages.notes)

    def refuse(*_: object) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr(ways, "time_tiles", refuse)
    messages.clear()
    again = open_session(spec, **{**options, "threads": 1})
    assert (again.runtime, again.precision) == (first.runtime, first.precision)
    assert again.measured == first.measured
    # The same times serve other options.
    fixed = open_session(spec, precision="fp32", **options)
    assert fixed.precision == "fp32"
    assert fixed.measured == first.measured
    assert not any("times network" in text for text in messages.notes)


@pytest.mark.usefixtures("cache")
def test_what_cannot_run_is_left_out(
    make_network: MakeNetwork, tiles: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = load_session

    def fail(runtime: str, request: Any) -> Any:
        if runtime == "openvino":
            raise ModelError("has no kernel")
        return load(runtime, request)

    monkeypatch.setattr(ways, "load_session", fail)
    found = open_session(make_network(), device="cpu", tile=32, check=tiles, count=50)
    assert found.runtime == "onnxruntime"


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    "options", [{"count": 3}, {"count": 50, "runtime": "onnxruntime"}, {"count": 50, "precision": "bf16"}]
)
def test_nothing_is_timed_where_there_is_no_choice(
    options: dict[str, Any], make_network: MakeNetwork, tiles: np.ndarray
) -> None:
    if options.get("precision") == "bf16" and "bf16" not in runtime_module("openvino").status().precisions:
        pytest.skip("this processor has no bfloat16")
    found = open_session(make_network(), device="cpu", tile=32, check=tiles, **options)
    assert found.measured is None
    assert list(all_kept()) == []
