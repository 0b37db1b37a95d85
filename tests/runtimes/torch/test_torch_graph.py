"""Memory and CUDA graphs of torch, as far as a processor shows them: a module stands for a full device."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from geoseg.errors import ModelError
from geoseg.runtimes.cuda import DeviceMemoryError
from geoseg.runtimes.graph import Port, Ports
from tests.models.workflows.test_zoo import BUNDLES, ZOO

torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")

from geoseg.runtimes.torch.torch_graph import TorchGraph  # noqa: E402
from geoseg.runtimes.torch.torch_module import OnnxModule  # noqa: E402

PORTS = Ports(
    inputs=(Port(name="image", dtype="float32", shape=(None, 3, None, None)),),
    output=Port(name="scores", dtype="float32", shape=(None, 1, None, None)),
    batch=None,
)


class Full:
    """Gives the first band, and an error where a call has more tiles than `holds`."""

    waits = False

    def __init__(self, holds: int, error: Callable[[], Exception]) -> None:
        self.holds, self._error = holds, error
        self.asked: list[int] = []

    def eval(self) -> Full:
        return self

    def requires_grad_(self, _: bool) -> Full:
        return self

    def to(self, _: Any, **__: Any) -> Full:
        return self

    def __call__(self, image: Any) -> Any:
        self.asked.append(len(image))
        if len(image) > self.holds:
            raise self._error()
        return image[:, :1]


def _graph(module: Any) -> TorchGraph:
    return TorchGraph(module, PORTS, device="cpu", precision="fp32", batch=8, description="full")


WORDS = (
    lambda: torch.OutOfMemoryError("8 GiB asked for"),
    lambda: RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    lambda: RuntimeError("GET was unable to find an engine to execute this computation"),
)


@pytest.mark.parametrize("error", WORDS)
def test_a_batch_that_does_not_fit_is_halved_on_loading(error: Callable[[], Exception]) -> None:
    module = Full(2, error)
    graph = _graph(module)
    graph.prepare((3, 16, 16), 1, least=1)
    assert graph.batch == 2
    assert module.asked == [8, 4, 2]


def test_a_batch_that_was_asked_for_is_not() -> None:
    with pytest.raises(DeviceMemoryError, match=r"cpu: too little memory to run it on \(8, 3, 16, 16\)"):
        _graph(Full(2, WORDS[0])).prepare((3, 16, 16), 1, least=8)


@pytest.mark.parametrize("error", WORDS)
def test_memory_is_told_apart_on_the_device_too(error: Callable[[], Exception]) -> None:
    graph = _graph(Full(1, error))
    with pytest.raises(DeviceMemoryError):
        graph.on_device(torch.zeros(2, 3, 16, 16))
    other = _graph(Full(1, lambda: RuntimeError("CUDA error: no kernel image is available")))
    with pytest.raises(ModelError, match="no kernel image"):
        other.on_device(torch.zeros(2, 3, 16, 16))


def test_a_graph_of_another_shape_gives_its_memory_back() -> None:
    graph = _graph(Full(8, WORDS[0]))
    graph._captured = ((8, 3, 16, 16), None, None, None)
    graph.on_device(torch.zeros(2, 3, 16, 16))
    assert graph._captured is None


def test_what_waits_for_the_device_is_known_before_capturing(tmp_path: Path) -> None:
    """A capture that fails is never given back by torch before 2.12, so none is tried."""
    path = tmp_path / "graph.onnx"
    nodes = [
        helper.make_node("Cast", ["x"], ["shape"], to=TensorProto.INT64),
        helper.make_node("ConstantOfShape", ["shape"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["a", "b"])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    module = OnnxModule(path)
    assert module(torch.tensor([3.0, 2.0])).shape == (3, 2)
    assert module.waits


@pytest.mark.parametrize("name", BUNDLES)
def test_shipped_bundles_wait_for_nothing(name: str) -> None:
    module = OnnxModule(ZOO / name / "model.onnx")
    bands = onnx.load(ZOO / name / "model.onnx").graph.input[0].type.tensor_type.shape.dim[1].dim_value
    with torch.inference_mode():
        module(torch.from_numpy(np.zeros((1, bands, 64, 64), np.float32)))
    assert not module.waits
