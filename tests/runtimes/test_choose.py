"""Networks run alike in every runtime, and nothing is replaced in silence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from scipy.ndimage import correlate

from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.runtimes import choose, cuda, machine
from geoseg.runtimes.choose import open_session
from geoseg.runtimes.graph import Graph
from geoseg.runtimes.loading import runtime_module
from geoseg.runtimes.network_session import Batch, NetworkSession
from geoseg.spec import ModelSpec
from tests.messages import Messages
from tests.runtimes.sessions import (
    NAMES,
    MakeNetwork,
    opened,
    with_function,
)


def by_hand(spec: ModelSpec, tiles: np.ndarray) -> np.ndarray:
    """The convolution in float64, with zero padding."""
    graph = onnx.load(spec.weights).graph
    weight, bias = (numpy_helper.to_array(item).astype(float) for item in graph.initializer)
    out = np.empty((len(tiles), len(weight), *tiles.shape[2:]))
    for n, tile in enumerate(tiles.astype(float)):
        for k, kernel in enumerate(weight):
            out[n, k] = correlate(tile, kernel, mode="constant")[len(kernel) // 2] + bias[k]
    return out


@pytest.mark.parametrize("kernel", [1, 3])
def test_two_classes_are_one_plane(
    runtime: str, kernel: int, make_network: MakeNetwork, tiles: np.ndarray
) -> None:
    spec = make_network(2, kernel=kernel)
    session = opened(spec, runtime).session
    scores = session(tiles)
    logits = by_hand(spec, tiles)
    expected = 1 / (1 + np.exp(logits[:, :1] - logits[:, 1:]))
    assert session.planes == 1
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected, atol=2e-6)


def test_softmax_of_several_classes(runtime: str, make_network: MakeNetwork, tiles: np.ndarray) -> None:
    spec = make_network(4, kernel=3)
    session = opened(spec, runtime).session
    scores, logits = session(tiles), by_hand(spec, tiles)
    powers = np.exp(logits - logits.max(1, keepdims=True))
    assert session.planes == 4
    np.testing.assert_allclose(scores, powers / powers.sum(1, keepdims=True), atol=2e-6)
    np.testing.assert_allclose(scores.sum(1), 1, atol=1e-6)


def test_sigmoid_of_one_plane(runtime: str, make_network: MakeNetwork, tiles: np.ndarray) -> None:
    spec = make_network(1, activation="sigmoid", gain=60)
    session = opened(spec, runtime).session
    scores = session(tiles)
    with np.errstate(over="ignore"):
        expected = 1 / (1 + np.exp(-by_hand(spec, tiles)))
    assert session.planes == 1
    # Logits of hundreds overflow an exponential; scores are 0 and 1 all the same, without a warning.
    assert scores.min() == 0
    assert scores.max() == 1
    np.testing.assert_allclose(scores, expected, atol=1e-4)


def test_fixed_batch_and_tile(runtime: str, make_network: MakeNetwork, tiles: np.ndarray) -> None:
    free, fixed = make_network(3, name="free"), make_network(3, batch=2, tile=32, name="fixed")
    session = opened(fixed, runtime).session
    assert session.batch == 2
    # Torch takes other kernels for other batches, which sum in another order.
    atol = 1e-6 if runtime == "torch" else 0
    np.testing.assert_allclose(session(tiles), opened(free, runtime).session(tiles), rtol=0, atol=atol)


def test_scores_do_not_depend_on_the_batch(
    runtime: str, make_network: MakeNetwork, tiles: np.ndarray
) -> None:
    session = opened(make_network(2, kernel=3), runtime, batch=3).session
    assert session.batch == 3
    together = session(tiles)
    for start, stop in ((0, 1), (1, 3), (3, 5)):
        np.testing.assert_array_equal(together[start:stop], session(tiles[start:stop]))


def test_threads_do_not_change_scores(runtime: str, make_network: MakeNetwork, tiles: np.ndarray) -> None:
    spec = make_network(2, kernel=3)
    one, two = (opened(spec, runtime, threads=n).session(tiles) for n in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_results_are_the_callers_own(runtime: str, make_network: MakeNetwork, tiles: np.ndarray) -> None:
    session = opened(make_network(2, tail="Softmax", activation="none"), runtime).session
    first = session(tiles[:1])
    kept = first.copy()
    session(tiles[1:2])
    np.testing.assert_array_equal(first, kept)


def test_planes_found_by_running(make_network: MakeNetwork, tiles: np.ndarray) -> None:
    session = opened(make_network(3, state_planes=False), "onnxruntime").session
    assert session.planes == 3
    assert session(tiles).shape == (5, 3, 32, 32)


def test_runtimes_agree(make_network: MakeNetwork, tiles: np.ndarray) -> None:
    pytest.importorskip("torch", reason="the extra `torch` is not installed")
    spec = make_network(3, kernel=3)
    ours, *others = (opened(spec, name).session(tiles) for name in NAMES)
    for theirs in others:
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_closed_sessions_refuse(runtime: str, make_network: MakeNetwork, tiles: np.ndarray) -> None:
    session = opened(make_network(), runtime).session
    session.close()
    session.close()
    with pytest.raises(ModelError, match="closed"):
        session(tiles)


def test_what_was_chosen_is_said(make_network: MakeNetwork, messages: Messages) -> None:
    found = open_session(make_network(), tile=32)
    status = runtime_module(found.runtime).status()
    assert found.version == status.version
    assert found.version in messages.notes[0]
    assert found.precision == "fp32"
    assert found.threads == machine.usable_threads()
    if machine.bf16_flags():
        assert found.runtime == "openvino"
        assert machine.bf16_flags()[0] in messages.notes[0]


def test_auto_takes_onnxruntime_without_bf16(
    make_network: MakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "cpu_flags", lambda: frozenset({"avx2"}))
    assert open_session(make_network(), tile=32).runtime == "onnxruntime"
    with pytest.raises(RuntimeMissingError, match="no bf16 on this machine"):
        open_session(make_network(), tile=32, precision="bf16")


def test_auto_takes_a_runtime_that_can_run_the_network(
    make_network: MakeNetwork, tiles: np.ndarray, monkeypatch: pytest.MonkeyPatch, messages: Messages
) -> None:
    monkeypatch.setattr(machine, "cpu_flags", lambda: frozenset({"avx512_bf16"}))
    spec = make_network(2)
    expected = opened(spec, "onnxruntime").session(tiles)
    with_function(spec)
    found = open_session(spec, tile=32)
    assert found.runtime == "onnxruntime"
    np.testing.assert_array_equal(found.session(tiles), expected)
    assert [text for text in messages.notes if text.startswith("runtime not used: ") and "openvino" in text]
    with pytest.raises(ModelError, match=r"openvino cannot run the network.*`--runtime onnxruntime`"):
        open_session(spec, tile=32, runtime="openvino")


class Broken:
    """A graph that fails after some calls, as at an operator that only some values reach."""

    def __init__(self, graph: Graph, after: int) -> None:
        self.graph, self.left = graph, after
        self.ports, self.batch, self.description = graph.ports, graph.batch, graph.description

    def __call__(self, batch: Batch) -> np.ndarray:
        self.left -= 1
        if self.left < 0:
            raise ModelError("openvino cannot run the network: no memory for a primitive")
        return np.array(self.graph(batch))

    def close(self) -> None:
        self.graph.close()


def broken(session: NetworkSession, after: int = 0) -> NetworkSession:
    assert session._graph is not None
    session._graph = Broken(session._graph, after)
    return session


@pytest.mark.parametrize("after", [0, 1])
def test_auto_goes_on_in_another_runtime_where_the_first_fails_at_inference(
    make_network: MakeNetwork,
    tiles: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    messages: Messages,
    after: int,
) -> None:
    monkeypatch.setattr(machine, "cpu_flags", lambda: frozenset({"avx512_bf16"}))
    spec = make_network(2)
    expected = opened(spec, "onnxruntime").session(tiles)
    found = open_session(spec, tile=32)
    assert found.runtime == "openvino"
    session = broken(found.session, after)
    np.testing.assert_array_equal(session(tiles), expected)
    np.testing.assert_array_equal(session(tiles), expected)
    assert found.describe()["name"] == "onnxruntime"
    assert session.description.startswith("onnxruntime")
    assert [text for text in messages.warnings if "goes on with onnxruntime" in text]
    session.close()
    with pytest.raises(ModelError, match="closed"):
        session(tiles)


def test_a_second_runtime_that_fails_too_is_closed(make_network: MakeNetwork, tiles: np.ndarray) -> None:
    spec = make_network(2)
    session = broken(opened(spec, "openvino").session)
    other = opened(spec, "onnxruntime")
    broken(other.session)
    session.fall_back_to(lambda: other)
    with pytest.raises(ModelError, match="no memory for a primitive"):
        session(tiles)
    with pytest.raises(ModelError, match="closed"):
        other.session(tiles)


def test_a_runtime_that_was_named_is_never_replaced(make_network: MakeNetwork, tiles: np.ndarray) -> None:
    session = broken(open_session(make_network(2), tile=32, runtime="openvino").session)
    with pytest.raises(ModelError, match="no memory for a primitive"):
        session(tiles)


def test_a_network_that_no_runtime_can_run_is_refused_once(
    make_network: MakeNetwork, monkeypatch: pytest.MonkeyPatch, messages: Messages
) -> None:
    monkeypatch.setattr(machine, "cpu_flags", lambda: frozenset({"avx512_bf16"}))
    spec = make_network(2)
    spec.weights.write_bytes(spec.weights.read_bytes()[:-20])
    with pytest.raises(ModelError):
        open_session(spec, tile=32)
    assert not messages.notes


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"runtime": "onnxruntime", "precision": "bf16"}, "onnxruntime has no bf16"),
        ({"runtime": "onnxruntime", "precision": "fp16"}, "onnxruntime has no fp16"),
        ({"runtime": "openvino", "precision": "int8"}, "quantise it on export"),
        ({"runtime": "tpu"}, "unknown runtime tpu; geoseg has openvino, onnxruntime, torch, tensorrt"),
        ({"runtime": "openvino", "device": "cuda:0"}, "no CUDA"),
    ],
)
def test_what_is_not_there_is_refused(options: dict[str, str], told: str, make_network: MakeNetwork) -> None:
    with pytest.raises(RuntimeMissingError, match=told) as caught:
        open_session(make_network(), tile=32, **options)  # type: ignore[arg-type]
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("name", ["auto", *NAMES, "tensorrt"])
@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:1"])
def test_cuda_is_never_replaced_by_the_cpu(name: str, device: str, make_network: MakeNetwork) -> None:
    if cuda.any_gpu():
        pytest.skip("this machine has a GPU")
    with pytest.raises(RuntimeMissingError) as caught:
        open_session(make_network(), tile=32, runtime=name, device=device)
    assert caught.value.exit_code == 5
    assert "pip install" in str(caught.value) or "nvidia-smi" in str(caught.value)


def test_auto_on_cuda_says_why_each_runtime_cannot(make_network: MakeNetwork) -> None:
    if cuda.any_gpu():
        pytest.skip("this machine has a GPU")
    with pytest.raises(RuntimeMissingError, match="no runtime can use this device") as caught:
        open_session(make_network(), tile=32, device="cuda")
    for name in ("tensorrt", "onnxruntime"):
        assert name in str(caught.value)


def test_auto_on_a_processor_does_not_import_torch(make_network: MakeNetwork) -> None:
    if cuda.any_gpu():
        pytest.skip("this machine has a GPU")
    spec = make_network()
    code = (
        "import sys; from geoseg.spec import ModelSpec; from geoseg.runtimes.choose import open_session; "
        f"open_session(ModelSpec.model_validate_json({spec.model_dump_json()!r}), tile=32); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_logits_that_were_promised_to_be_scores(
    make_network: MakeNetwork, tiles: np.ndarray, messages: Messages
) -> None:
    spec = make_network(2, activation="none")
    with pytest.raises(ModelError, match="for logits, set softmax or sigmoid"):
        open_session(spec, tile=32, check=tiles)
    # Deepness's keys cannot say, so its networks are looked at.
    found = open_session(spec.model_copy(update={"source": "deepness"}), tile=32, check=tiles)
    assert any("read as logits" in note for note in messages.notes)
    plain = open_session(spec.model_copy(update={"activation": "softmax"}), tile=32, check=tiles)
    np.testing.assert_array_equal(found.session(tiles), plain.session(tiles))


def test_networks_that_end_in_scores(make_network: MakeNetwork, tiles: np.ndarray) -> None:
    spec = make_network(3, tail="Softmax", activation="none", name="scores")
    logits = make_network(3, name="logits")
    found = open_session(spec, tile=32, check=tiles, precision="fp32")
    expected = open_session(logits, tile=32, precision="fp32").session(tiles)
    np.testing.assert_allclose(found.session(tiles), expected, atol=1e-6)


def test_nan_is_not_passed_on(runtime: str, make_network: MakeNetwork, tiles: np.ndarray) -> None:
    session = opened(make_network(), runtime).session
    with pytest.raises(ModelError, match="NaN"):
        session(np.full_like(tiles, np.nan))


def test_available() -> None:
    statuses = {status.name: status for status in choose.available()}
    assert set(statuses) == {*NAMES, "tensorrt"}
    for status in statuses.values():
        assert status.usable == bool(status.devices)
        assert status.usable or status.remedy


@pytest.mark.usefixtures("stand_in_gpu")
@pytest.mark.filterwarnings("ignore:Specified provider")
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_provider_that_does_not_start_is_no_cpu_session(
    precision: str,
    make_network: MakeNetwork,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    messages: Messages,
) -> None:
    """As of onnxruntime-gpu without its libraries: it makes a session on the CPU, which is refused."""
    import onnxruntime as library  # noqa: PLC0415

    there = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(library, "get_available_providers", lambda: there)
    with pytest.raises(
        RuntimeMissingError, match=r"could not start its CUDAExecutionProvider and would have used the CPU"
    ):
        open_session(make_network(), tile=32, runtime="onnxruntime", device="cuda:0", precision=precision)
    assert capsys.readouterr().out == "", "standard output is the run's own"
    engines = tmp_path / "engines" / "onnxruntime"
    assert engines.is_dir() == (precision == "fp16"), "its TensorRT provider makes no folder above its own"
    found = open_session(make_network(), tile=32, runtime="onnxruntime", precision="fp32")
    assert found.device == "cpu"
    assert "geoseg uses the CPU, because" in messages.notes[0]


@pytest.mark.usefixtures("stand_in_gpu")
@pytest.mark.parametrize("started", ["TensorrtExecutionProvider", "CUDAExecutionProvider"])
def test_half_precision_is_in_the_graph_and_the_provider_is_named(
    started: str, make_network: MakeNetwork, tiles: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of onnxruntime-gpu: a stand-in that computes on the CPU and says which provider started."""
    import onnxruntime as library  # noqa: PLC0415

    there = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    asked: list[Any] = []

    class Started(library.InferenceSession):  # type: ignore[misc]
        def __init__(self, network: Any, options: Any, providers: list[Any]) -> None:
            asked.append((network, dict(item for item in providers if not isinstance(item, str))))
            super().__init__(network, options, providers=["CPUExecutionProvider"])

        def get_providers(self) -> list[str]:
            return there[there.index(started) :]

    spec = make_network(4, kernel=3)
    whole = opened(spec, "onnxruntime").session(tiles)
    monkeypatch.setattr(library, "get_available_providers", lambda: there)
    monkeypatch.setattr(library, "InferenceSession", Started)
    found = open_session(spec, tile=32, runtime="onnxruntime", device="cuda:0", precision="fp16")
    assert f"cuda:0 by {started}, fp16" in found.session.description
    ((network, providers),) = asked
    (weight,) = [item for item in onnx.load_from_string(network).graph.initializer if len(item.dims) == 4]
    assert weight.data_type == onnx.TensorProto.FLOAT16
    assert providers["TensorrtExecutionProvider"]["trt_fp16_enable"] == "1"
    assert providers["CUDAExecutionProvider"]["use_tf32"] == "0"
    assert providers["CUDAExecutionProvider"]["cudnn_conv_algo_search"] == "HEURISTIC"
    assert 0 < np.abs(found.session(tiles) - whole).max() < 0.01


@pytest.mark.usefixtures("stand_in_gpu")
def test_auto_says_what_kept_it_from_a_gpu(make_network: MakeNetwork, messages: Messages) -> None:
    found = open_session(make_network(), tile=32)
    assert found.device == "cpu"
    assert "no runtime can use this device" in messages.notes[0]
    for name in ("tensorrt", "onnxruntime"):
        assert name in messages.notes[0]
