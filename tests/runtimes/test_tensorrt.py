"""The TensorRT runtime from bundle to scores, on stand-ins for NVIDIA's two libraries."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.runtimes import cuda
from geoseg.runtimes.activation import activate
from geoseg.runtimes.choose import open_session
from geoseg.runtimes.graph import LoadRequest
from geoseg.runtimes.network_session import OpenedSession
from geoseg.runtimes.tensorrt import api as tensorrt_api
from geoseg.runtimes.tensorrt import tensorrt_runtime as tensorrt
from geoseg.spec import ModelSpec
from geoseg.spec.layouts import CHANNELS_LAST, Axis
from tests.messages import Messages
from tests.runtimes.gpu_stand_in import UseTensorRt
from tests.runtimes.tensorrt_stand_in import Builder, ExecutionContext

MakeNetwork = Callable[..., ModelSpec]
VERSIONS = ("8.5.3", "10.3.0", "11.4.0")


def opened(spec: ModelSpec, **options: object) -> OpenedSession:
    asked = {"runtime": "tensorrt", "device": "cuda:0", "precision": "fp32", "tile": 32, **options}
    return open_session(spec, **asked)  # type: ignore[arg-type]


def by_onnxruntime(spec: ModelSpec, tiles: np.ndarray) -> np.ndarray:
    session = open_session(spec, runtime="onnxruntime", device="cpu", precision="fp32", tile=32).session
    return session(tiles)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("batch", [1, 2, 5, None])
@pytest.mark.parametrize("eager", ["none", "0", "1"])
def test_scores_come_through_streams_and_copies(
    version: str,
    batch: int | None,
    eager: str,
    use_tensorrt: UseTensorRt,
    make_network: MakeNetwork,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Enough tiles that every slot of memory is used again, a last batch that is not full, and streams that
    run as late as they may or ahead of each other."""
    if eager != "none":
        monkeypatch.setenv("CUDA_STAND_IN_EAGER", eager)
    use_tensorrt(version)
    spec = make_network(3, kernel=3)
    tiles = np.random.default_rng(2).normal(size=(37, 3, 32, 32)).astype(np.float32)
    session = opened(spec, batch=batch).session
    for part in (tiles, tiles[::-1].copy(), tiles[:3]):
        np.testing.assert_allclose(session(part), by_onnxruntime(spec, part), atol=1e-6)
    session.close()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("order", [CHANNELS_LAST, ("batch", "channel", "width", "height")])
def test_axes_in_any_order(
    version: str,
    order: tuple[Axis, Axis, Axis, Axis],
    use_tensorrt: UseTensorRt,
    make_network: MakeNetwork,
) -> None:
    """From the host's memory, and for tensors of the device."""
    torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")
    use_tensorrt(version)
    plain = make_network(3, kernel=3, name="plain")
    spec = make_network(3, kernel=3, name="turned", order=order, output_order=CHANNELS_LAST)
    tiles = np.random.default_rng(2).normal(size=(9, 3, 32, 32)).astype(np.float32)
    found = opened(spec, batch=2)
    expected = by_onnxruntime(plain, tiles)
    np.testing.assert_allclose(found.session(tiles), expected, atol=1e-6)
    raw = found.on_device[0].on_device(torch.from_numpy(tiles[:2])).numpy()
    np.testing.assert_allclose(activate("softmax", raw), expected[:2], atol=1e-6)


@pytest.mark.parametrize("version", ["8.5.3", "11.4.0"])
def test_int8_is_calibrated_on_tiles_in_the_order_of_the_graph(
    version: str, use_tensorrt: UseTensorRt, make_network: MakeNetwork, tiles: np.ndarray
) -> None:
    use_tensorrt(version)
    spec = make_network(2, kernel=3, order=CHANNELS_LAST, output_order=CHANNELS_LAST)
    scores = opened(spec, precision="int8", check=tiles).session(tiles)
    assert np.abs(scores - by_onnxruntime(spec, tiles)).mean() < 0.02


def test_what_is_built(use_tensorrt: UseTensorRt, make_network: MakeNetwork, tmp_path: Path) -> None:
    use_tensorrt("8.5.3")
    opened(make_network(), batch=4)
    (told,) = Builder.builds
    assert told["flags"] == [], "float32 is float32: TensorFloat-32 is off"
    assert told["profile"] == [[1, 3, 32, 32], [4, 3, 32, 32], [4, 3, 32, 32]]
    record = json.loads(next((tmp_path / "engines").glob("*.json")).read_text())
    assert record["tensorrt"] == "8.5.3"
    assert record["gpu"] == "Stand-in GPU"
    assert record["capability"] == [9, 0]
    assert (record["precision"], record["profile"], record["tile"]) == ("fp32", [1, 4, 4], 32)


def test_an_engine_is_built_once_and_anew_for_another_key(
    use_tensorrt: UseTensorRt, make_network: MakeNetwork, messages: Messages
) -> None:
    use_tensorrt("10.3.0")
    spec = make_network()
    for _ in range(2):
        opened(spec)
    assert len(Builder.builds) == 1
    assert sum("building a TensorRT engine" in line for line in messages.notes) == 1
    opened(spec, batch=2)
    opened(spec, precision="fp16")
    opened(spec, tile=64)
    assert len(Builder.builds) == 4
    use_tensorrt("10.4.0")
    opened(spec)
    assert len(Builder.builds) == 1, "another version loads no engine of the last"


def test_a_damaged_engine_is_built_anew(
    use_tensorrt: UseTensorRt, make_network: MakeNetwork, tmp_path: Path, tiles: np.ndarray
) -> None:
    use_tensorrt("10.3.0")
    spec = make_network()
    opened(spec)
    engine = next((tmp_path / "engines").glob("*.engine"))
    engine.write_bytes(engine.read_bytes()[:-7])
    np.testing.assert_allclose(opened(spec).session(tiles), by_onnxruntime(spec, tiles), atol=1e-6)
    assert len(Builder.builds) == 2


@pytest.mark.parametrize(("version", "flags"), [("8.5.3", ["FP16"]), ("10.3.0", ["FP16"]), ("11.4.0", [])])
def test_half_precision_by_flag_or_in_the_graph(
    version: str, flags: list[str], use_tensorrt: UseTensorRt, make_network: MakeNetwork, tiles: np.ndarray
) -> None:
    use_tensorrt(version)
    spec = make_network(3, kernel=3)
    scores = opened(spec, precision="fp16").session(tiles)
    assert Builder.builds[0]["flags"] == flags
    expected = by_onnxruntime(spec, tiles)
    assert 0 < np.abs(scores - expected).max() < 5e-3


def test_bf16_where_the_version_has_it(use_tensorrt: UseTensorRt, make_network: MakeNetwork) -> None:
    use_tensorrt("8.5.3")
    with pytest.raises(RuntimeMissingError, match="no bf16 on this machine, only fp32, fp16, int8"):
        opened(make_network(), precision="bf16")
    use_tensorrt("10.3.0")
    opened(make_network(), precision="bf16")
    assert Builder.builds[0]["flags"] == ["BF16"]


def test_int8_is_calibrated_on_tiles(
    use_tensorrt: UseTensorRt, make_network: MakeNetwork, tiles: np.ndarray
) -> None:
    use_tensorrt("8.5.3")
    spec = make_network()
    with pytest.raises(ModelError, match="int8 needs tiles"):
        opened(spec, precision="int8")
    scores = opened(spec, precision="int8", check=tiles).session(tiles)
    (told,) = Builder.builds
    assert told["range"] == pytest.approx(float(np.abs(tiles).max()))
    assert np.abs(scores - by_onnxruntime(spec, tiles)).mean() < 0.02


def test_int8_stands_in_the_graph_from_11_on(
    use_tensorrt: UseTensorRt, make_network: MakeNetwork, tiles: np.ndarray
) -> None:
    use_tensorrt("11.4.0")
    spec = make_network(2, kernel=3)
    scores = opened(spec, precision="int8", check=tiles).session(tiles)
    difference = np.abs(scores - by_onnxruntime(spec, tiles))
    assert difference.max() > 0
    assert difference.mean() < 0.02


def test_auto_proves_itself_against_another_runtime(
    use_tensorrt: UseTensorRt,
    make_network: MakeNetwork,
    tiles: np.ndarray,
    tmp_path: Path,
    messages: Messages,
) -> None:
    use_tensorrt("10.3.0")
    found = opened(make_network(2, gain=5), precision="auto", check=tiles)
    assert (found.runtime, found.precision) == ("tensorrt", "fp16")
    assert found.agreement is not None
    assert "5 tiles of this scene" in messages.notes[-1]
    record = json.loads(next((tmp_path / "engines").glob("*fp16*.json")).read_text())
    assert record["agreement"]["tiles"] == 5
    assert record["agreement"]["equal"] == found.agreement
    assert 0 < record["agreement"]["score_error"] < 0.01


def test_auto_goes_back_to_fp32_with_the_numbers(
    use_tensorrt: UseTensorRt, make_network: MakeNetwork, tiles: np.ndarray, messages: Messages
) -> None:
    use_tensorrt("8.5.3")
    found = opened(make_network(2, gain=5, balanced=True), precision="auto", check=tiles + np.float32(1000))
    assert found.precision == "fp32"
    assert "fp16 gave only" in messages.notes[-1]


def test_auto_takes_tensorrt_where_it_can(use_tensorrt: UseTensorRt, make_network: MakeNetwork) -> None:
    use_tensorrt("10.3.0")
    found = open_session(make_network(), tile=32)
    assert (found.runtime, found.device) == ("tensorrt", "cuda")


def test_cuda_alone_means_all_gpus_of_a_kind(
    use_tensorrt: UseTensorRt,
    make_network: MakeNetwork,
    tiles: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    messages: Messages,
) -> None:
    monkeypatch.setenv("CUDA_STAND_IN_GPUS", "3")
    use_tensorrt("10.3.0")
    spec = make_network()
    found = opened(spec, device="cuda")
    assert [graph.device for graph in found.on_device] == ["cuda:0", "cuda:1", "cuda:2"]
    assert len(Builder.builds) == 1, "they share an engine"
    assert any("and 2 more of the same kind" in note for note in messages.notes)
    for graph in found.on_device:
        logits = graph(tiles[:4]).astype(np.float64)
        scores = 1 / (1 + np.exp(logits[:, :1] - logits[:, 1:]))
        np.testing.assert_allclose(scores, by_onnxruntime(spec, tiles[:4]), atol=1e-6)
    assert [graph.device for graph in opened(spec, device="cuda:1").on_device] == ["cuda:1"]
    found.session.close()


def test_a_further_gpu_that_is_full_is_left_out(
    use_tensorrt: UseTensorRt, make_network: MakeNetwork, monkeypatch: pytest.MonkeyPatch, messages: Messages
) -> None:
    monkeypatch.setenv("CUDA_STAND_IN_GPUS", "3")
    use_tensorrt("10.3.0")
    load = tensorrt.load

    def full(request: LoadRequest) -> Any:
        if request.device == "cuda:1":
            raise cuda.DeviceMemoryError("the GPU has too little memory")
        return load(request)

    monkeypatch.setattr(tensorrt, "load", full)
    found = opened(make_network(), device="cuda")
    assert [graph.device for graph in found.on_device] == ["cuda:0", "cuda:2"]
    assert messages.notes[-1] == "cuda:1 is not used, because the GPU has too little memory"
    found.session.close()


def test_a_shape_is_set_once(
    use_tensorrt: UseTensorRt, make_network: MakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorRT may want a run after each shape that is set, before one is captured."""
    use_tensorrt("10.3.0")
    asked: list[int] = []
    plain = ExecutionContext.set_input_shape

    def record(self: ExecutionContext, name: str, shape: Sequence[int]) -> bool:
        asked.append(shape[0])
        return plain(self, name, shape)

    monkeypatch.setattr(ExecutionContext, "set_input_shape", record)
    session = opened(make_network(), batch=2).session
    session(np.zeros((13, 3, 32, 32), np.float32))
    assert asked == [2]


def test_engines_take_tensors_of_their_device(
    use_tensorrt: UseTensorRt, make_network: MakeNetwork, tiles: np.ndarray
) -> None:
    """The stand-in's device memory is the host's, so torch's CPU tensors lie on it."""
    torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")
    use_tensorrt("10.3.0")
    spec = make_network(3, kernel=3)
    (graph,) = opened(spec).on_device
    assert graph.batches == range(1, 17)
    for count in (1, 5, 2):
        raw = graph.on_device(torch.from_numpy(tiles[:count])).numpy()
        np.testing.assert_allclose(activate("softmax", raw), by_onnxruntime(spec, tiles[:count]), atol=1e-6)
    assert np.isfinite(graph(tiles[:4])).all(), "and of the host again"


def test_an_engine_that_cannot_be_captured_runs_and_says_so(
    use_tensorrt: UseTensorRt, make_network: MakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_STAND_IN_NO_CAPTURE", "1")
    use_tensorrt("10.3.0")
    spec = make_network()
    tiles = np.random.default_rng(2).normal(size=(9, 3, 32, 32)).astype(np.float32)
    session = opened(spec, batch=1).session
    np.testing.assert_allclose(session(tiles), by_onnxruntime(spec, tiles), atol=1e-6)
    assert "no CUDA graph" in session.description


def test_too_little_memory_is_told(
    use_tensorrt: UseTensorRt, make_network: MakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_STAND_IN_MEMORY", "10000")
    use_tensorrt("10.3.0")
    with pytest.raises(cuda.DeviceMemoryError, match="--batch-size"):
        opened(make_network())


def test_unread_operators_are_told_in_its_own_words(
    use_tensorrt: UseTensorRt, make_network: MakeNetwork
) -> None:
    use_tensorrt("10.3.0")
    spec = make_network(tail="Celu")
    with pytest.raises(
        ModelError, match=r"cannot read it: no importer for Celu \(UNSUPPORTED_NODE\); `geoseg"
    ):
        opened(spec)


def test_tactic_sources_are_passed_on(
    use_tensorrt: UseTensorRt, make_network: MakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEOSEG_TENSORRT_TACTIC_SOURCES", "0")
    use_tensorrt("8.5.3")
    opened(make_network())
    assert Builder.builds[0]["tactics"] == 0


def test_kernels_are_measured_once_for_all_engines(
    use_tensorrt: UseTensorRt, make_network: MakeNetwork, tmp_path: Path
) -> None:
    use_tensorrt("10.3.0")
    opened(make_network())
    opened(make_network(), batch=2)
    (cache,) = (tmp_path / "engines").glob("timing-*.cache")
    assert cache.read_bytes() == b"measured;measured;"


def test_status_tells_what_is_missing(use_tensorrt: UseTensorRt, monkeypatch: pytest.MonkeyPatch) -> None:
    use_tensorrt("10.3.0")
    found = tensorrt.status()
    assert found.devices == ("cuda:0",)
    assert found.cuda_precisions == ("fp32", "fp16", "bf16", "int8")
    use_tensorrt("10.3.0").__version__ = "8.4.1"  # type: ignore[attr-defined]
    assert "older than 8.5" in tensorrt.status().why_not
    monkeypatch.setenv("CUDA_STAND_IN_BROKEN", "1")
    cuda.driver.cache_clear()
    use_tensorrt("10.3.0")
    found = tensorrt.status()
    assert not found.usable
    assert "CUDA_ERROR_NO_DEVICE" in found.why_not
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(RuntimeMissingError, match=r"pip install 'geoseg\[tensorrt\]'"):
        tensorrt_api.import_tensorrt()


def test_a_driver_that_is_too_old_is_told(
    use_tensorrt: UseTensorRt, make_network: MakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What TensorRT 8.5.3 does there: a warning, then a null pointer."""

    def fail(logger: Any) -> None:
        logger.log("Severity.WARNING", "CUDA initialization failure with error: 35")
        raise TypeError("pybind11::init(): factory function returned nullptr")

    module: Any = use_tensorrt("8.5.3")
    monkeypatch.setattr(module, "Runtime", fail)
    with pytest.raises(RuntimeMissingError, match="failure with error: 35"):
        opened(make_network())


@pytest.mark.usefixtures("stand_in_gpu")
def test_devices_are_listed_and_missing_ones_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_STAND_IN_GPUS", "2")
    assert [gpu.text for gpu in cuda.gpus()] == ["Stand-in GPU (sm_90, 8 GiB)"] * 2
    with pytest.raises(RuntimeMissingError, match="cuda:2: there is no such GPU; the machine has cuda:0"):
        cuda.gpu_of("cuda:2")
