"""What a graph would do on a GPU, by torch's fake tensors: nothing is left on the host, nothing waits.

A fake tensor has a shape, a type and a device, and no numbers. Mixing devices raises, and so does asking for
a number, which on a GPU would stop the queue and forbid a CUDA graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geoseg.bundles.find import find_model
from tests.models.workflows.test_zoo import BUNDLES

torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")

from torch._subclasses.fake_tensor import (  # noqa: E402
    FakeTensor,
    FakeTensorMode,
    unset_fake_temporarily,
)

from geoseg.runtimes.torch import torch_layers as layers  # noqa: E402
from geoseg.runtimes.torch import torch_operators as operators  # noqa: E402
from geoseg.runtimes.torch import torch_resampling as resampling  # noqa: E402
from geoseg.runtimes.torch import torch_shapes as shapes  # noqa: E402
from geoseg.runtimes.torch.torch_module import OnnxModule  # noqa: E402
from tests.runtimes.test_torch import CASES  # noqa: E402
from tests.runtimes.test_torch import _graph as graph_of_one  # noqa: E402

GPU = "cuda:0"


@contextmanager
def _autocast(kind: Any) -> Iterator[None]:
    """Torch's autocast of CUDA, which its own context manager leaves out where there is none."""
    torch.set_autocast_enabled("cuda", kind is not None)
    torch.set_autocast_dtype("cuda", kind or torch.float16)
    try:
        yield
    finally:
        torch.set_autocast_enabled("cuda", False)


@pytest.fixture
def real_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes are real numbers on the host; fake ones still raise."""

    def really(read: Any) -> Any:
        def given(value: Any) -> Any:
            if isinstance(value, FakeTensor):
                return read(value)
            with unset_fake_temporarily():
                return read(value)

        return given

    names = {operators: ("integers", "number"), shapes: ("integers", "number"), layers: ("number",)}
    for module, own in {**names, resampling: ("_numbers",)}.items():
        for name in own:
            monkeypatch.setattr(module, name, really(getattr(module, name)))


def _on_fake_gpu(path: Path, shape: tuple[int, ...], dtype: Any, half: Any = None) -> Any:
    """Run a file's graph on a GPU that is not there; the answer has no numbers."""
    module, other = (OnnxModule(path).eval().requires_grad_(False) for _ in range(2))
    with torch.no_grad():
        other(torch.zeros(shape, dtype=dtype))
    # Sizes depend on the shape alone, and were computed when it was first seen.
    module._host = other._host
    if half is not None:
        module.lower(half)
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad(), _autocast(half):
        for key, value in list(module._buffers.items()):
            module._buffers[key] = torch.empty_strided(
                value.shape, value.stride(), dtype=value.dtype, device=GPU
            )
        return module(torch.empty(shape, dtype=dtype, device=GPU))


@pytest.mark.usefixtures("real_sizes")
@pytest.mark.parametrize("name", BUNDLES)
@pytest.mark.parametrize("half", [None, torch.float16, torch.bfloat16], ids=str)
def test_all_is_on_the_device_and_nothing_waits(name: str, half: Any) -> None:
    model = find_model(name)
    found = _on_fake_gpu(model.weights, (2, len(model.bands), 64, 96), torch.float32, half)
    assert (str(found.device), found.dtype) == (GPU, torch.float32)
    assert found.shape == (2, 1, 64, 96)


@pytest.mark.usefixtures("real_sizes")
@pytest.mark.parametrize(("kind", "inputs", "attributes"), CASES, ids=lambda value: str(value)[:24])
def test_no_operator_leaves_the_device(
    kind: str, inputs: list[Any], attributes: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "graph.onnx"
    graph_of_one(kind, inputs, attributes, path)
    image = np.asarray(inputs[0])
    found = _on_fake_gpu(path, image.shape, getattr(torch, image.dtype.name))
    sizes = kind in {"Shape", "Size"}
    assert sizes or str(found.device) == GPU


def test_what_waits_is_found() -> None:
    """The check itself: a number asked of the device raises."""
    with FakeTensorMode(), pytest.raises(Exception, match="local_scalar_dense"):
        torch.empty((), device=GPU).item()
