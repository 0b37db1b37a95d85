"""ONNX Runtime on tensors of its device by IO binding, for which torch's CPU tensors stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from geoseg.errors import ModelError
from geoseg.runtimes import onnxruntime
from geoseg.runtimes.choose import open_session
from geoseg.runtimes.cuda import DeviceMemoryError
from geoseg.runtimes.graph import LoadRequest
from geoseg.runtimes.onnxruntime import CUDA, TENSORRT, OnnxGraph
from geoseg.spec import ModelSpec
from geoseg.spec.layouts import CHANNELS_FIRST, CHANNELS_LAST, Axis
from tests.messages import Messages

torch: Any = pytest.importorskip("torch", reason="the extra `torch` is not installed")

MakeNetwork = Callable[..., ModelSpec]
Order = tuple[Axis, Axis, Axis, Axis]


def _load(spec: ModelSpec, **options: Any) -> OnnxGraph:
    return onnxruntime.load(LoadRequest(spec=spec, device="cpu", threads=1, tile=32, **options))


@pytest.mark.parametrize("orders", [(CHANNELS_FIRST, CHANNELS_FIRST), (CHANNELS_LAST, CHANNELS_LAST)])
@pytest.mark.parametrize("state_planes", [True, False])
def test_tensors_are_read_and_written_on_their_device(
    orders: tuple[Order, Order], state_planes: bool, make_network: MakeNetwork, tiles: np.ndarray
) -> None:
    order, output_order = orders
    spec = make_network(3, kernel=3, order=order, output_order=output_order, state_planes=state_planes)
    graph = _load(spec)
    assert graph.batches == range(1, 1025)
    expected = np.concatenate([graph(tiles[index : index + 1]) for index in range(5)])
    for count in (1, 5, 2):
        raw = graph.on_device(torch.from_numpy(tiles[:count]))
        assert (raw.dtype, raw.is_contiguous()) == (torch.float32, True)
        np.testing.assert_allclose(raw.numpy(), expected[:count], rtol=0, atol=1e-5)


def test_outputs_are_the_callers_own(make_network: MakeNetwork, tiles: np.ndarray) -> None:
    graph = _load(make_network(2, kernel=3))
    first = graph.on_device(torch.from_numpy(tiles[:1]))
    before = first.clone()
    graph.on_device(torch.from_numpy(tiles[1:2]))
    assert torch.equal(first, before)


def test_views_of_tensors_are_read_as_they_are(make_network: MakeNetwork, tiles: np.ndarray) -> None:
    """Flips and slices are views, whose memory has another order."""
    graph = _load(make_network(2, kernel=3))
    view = torch.from_numpy(tiles)[::2].transpose(2, 3)
    expected = graph.on_device(view.contiguous())
    assert torch.equal(graph.on_device(view), expected)


def test_a_fixed_batch_is_the_only_one(make_network: MakeNetwork) -> None:
    assert _load(make_network(2, batch=3)).batches == range(3, 4)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Failed to allocate memory for requested buffer of size 8589934592", DeviceMemoryError),
        ("CUDA failure 2: out of memory ; GPU=0", DeviceMemoryError),
        ("CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED", DeviceMemoryError),
        ("Non-zero status code returned while running Conv node", ModelError),
    ],
)
def test_too_little_memory_is_an_error_of_its_own(
    text: str, kind: type[Exception], make_network: MakeNetwork, tiles: np.ndarray
) -> None:
    """So that the batch is halved and the map goes on."""

    class Full:
        """A session of ONNX Runtime without memory."""

        def __init__(self, session: Any) -> None:
            self.io_binding = session.io_binding

        def run_with_iobinding(self, *_: Any) -> None:
            raise RuntimeError(text)

    graph = _load(make_network(2))
    graph._session = Full(graph._session)
    with pytest.raises(kind):
        graph.on_device(torch.from_numpy(tiles[:2]))


@pytest.fixture
def provider(stand_in_gpu: None, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """As of onnxruntime-gpu: a stand-in that computes on the CPU and says which provider started."""
    import onnxruntime as library  # noqa: PLC0415

    there = [TENSORRT, CUDA, "CPUExecutionProvider"]
    started = str(request.param)

    class Started(library.InferenceSession):  # type: ignore[misc]
        def __init__(self, network: Any, options: Any, providers: list[Any]) -> None:
            self._on_gpu = providers != ["CPUExecutionProvider"]
            super().__init__(network, options, providers=["CPUExecutionProvider"])

        def get_providers(self) -> list[str]:
            return there[there.index(started) :] if self._on_gpu else there[2:]

    monkeypatch.setattr(library, "get_available_providers", lambda: there[there.index(started) :])
    monkeypatch.setattr(library, "InferenceSession", Started)
    return started


@pytest.mark.parametrize(
    ("provider", "batches"), [(CUDA, range(1, 1025)), (TENSORRT, range(3, 4))], indirect=["provider"]
)
def test_the_tensorrt_provider_has_one_shape(
    provider: str, batches: range, make_network: MakeNetwork
) -> None:
    """It builds an engine for each shape, which takes minutes."""
    spec = make_network(2, kernel=3)
    found = open_session(spec, runtime="onnxruntime", device="cuda:0", precision="fp16", tile=32, batch=3)
    (graph,) = found.on_device
    assert graph.batches == batches
    assert graph.device == "cuda:0"


@pytest.mark.parametrize("provider", [CUDA], indirect=True)
@pytest.mark.parametrize(("offset", "precision"), [(0, "fp16"), (1000, "fp32")])
def test_auto_takes_half_precision_where_it_agrees(
    offset: int,
    precision: str,
    provider: str,
    make_network: MakeNetwork,
    tiles: np.ndarray,
    messages: Messages,
) -> None:
    """Small differences between large numbers are what eleven bits of mantissa lose."""
    spec = make_network(2, gain=5, balanced=True)
    found = open_session(
        spec, runtime="onnxruntime", device="cuda", tile=32, check=tiles + np.float32(offset)
    )
    assert found.precision == precision
    assert "fp16" in " ".join(messages.notes)
