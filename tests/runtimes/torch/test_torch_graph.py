"""Programs on a device: memory, and that nothing is left on the host."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from geoseg.errors import ModelError
from geoseg.runtimes.cuda import DeviceMemoryError
from geoseg.runtimes.graph import Port, Ports
from geoseg.spec import ModelSpec
from tests.runtimes.programs import with_program

torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")

from geoseg.runtimes.torch.torch_graph import TorchGraph, read_program  # noqa: E402

MakeNetwork = Callable[..., ModelSpec]

PORTS = Ports(
    inputs=(Port(name="image", dtype="float32", shape=(None, 3, None, None)),),
    output=Port(name="scores", dtype="float32", shape=(None, 1, None, None)),
    batch=None,
)


class Full:
    """Gives the first band, and an error where a call has more tiles than `holds`."""

    def __init__(self, holds: int, error: Callable[[], Exception]) -> None:
        self.holds, self._error = holds, error
        self.asked: list[int] = []

    def to(self, **_: Any) -> Full:
        return self

    def parameters(self) -> tuple[()]:
        return ()

    buffers = parameters

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
    with pytest.raises(
        DeviceMemoryError, match=r"cpu: too little memory to run the network on \(8, 3, 16, 16\)"
    ):
        _graph(Full(2, WORDS[0])).prepare((3, 16, 16), 1, least=8)


@pytest.mark.parametrize("error", WORDS)
def test_memory_is_told_apart_on_the_device_too(error: Callable[[], Exception]) -> None:
    graph = _graph(Full(1, error))
    with pytest.raises(DeviceMemoryError):
        graph.on_device(torch.zeros(2, 3, 16, 16))
    other = _graph(Full(1, lambda: RuntimeError("CUDA error: no kernel image is available")))
    with pytest.raises(ModelError, match="no kernel image"):
        other.on_device(torch.zeros(2, 3, 16, 16))


@pytest.mark.parametrize("tail", ["", "Sigmoid"])
def test_all_is_on_the_device_and_nothing_waits(tail: str, make_network: MakeNetwork) -> None:
    """Torch's `meta` tensors have a device and no numbers: reading one, or mixing devices, raises."""
    spec = with_program(make_network(1, classes=2, kernel=3, tail=tail, activation="none"))
    path = spec.weights.parent / spec.program
    module, image, scores = read_program(path, spec, "meta")
    ports = Ports(inputs=(image,), output=scores, batch=None)
    graph = TorchGraph(module, ports, device="meta", precision="fp32", batch=8, description="")
    found = graph.on_device(torch.zeros(8, 3, 32, 32, device="meta"))
    assert (found.device.type, found.dtype, found.shape) == ("meta", torch.float32, (8, 1, 32, 32))


@pytest.mark.parametrize("half", ["fp32", "bf16"])
def test_tensors_that_a_program_creates_are_on_its_device(half: Any, tmp_path: Path) -> None:
    """A program states the device of its position tables and ranges, which was the processor."""

    class Positions(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, image: Any) -> Any:
            steps = torch.arange(image.shape[-1], dtype=torch.float32)
            return torch.sigmoid(image[:, :1].float() + steps.to(image.device))

    path = tmp_path / "positions.pt2"
    torch.export.save(torch.export.export(Positions(), (torch.zeros(2, 3, 32, 32),)), path)
    spec = ModelSpec.model_construct(input_name="", output_name="")
    module, *ports = read_program(path, spec, "meta")
    assert [port.shape for port in ports] == [(2, 3, 32, 32), (2, 1, 32, 32)]
    assert module(torch.zeros(2, 3, 32, 32, device="meta")).device.type == "meta"
    module, *ports = read_program(path, spec, "cpu")
    found = Ports(inputs=(ports[0],), output=ports[1], batch=2)
    graph = TorchGraph(module, found, device="cpu", precision=half, batch=2, description="")
    scores = graph.on_device(torch.zeros(2, 3, 32, 32))
    torch.testing.assert_close(scores[0, 0, 0], torch.sigmoid(torch.arange(32.0)))
