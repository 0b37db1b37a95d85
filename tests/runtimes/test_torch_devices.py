"""What a graph would do on a GPU, by torch's fake tensors: nothing is left on the host, nothing waits.

A fake tensor has a shape, a type and a device, and no numbers. Mixing devices raises, and so does asking for
a number, which on a GPU would stop the queue and forbid a CUDA graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from geoseg.catalog.bundles import find_model
from tests.models.test_zoo import BUNDLES

torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")

from torch._subclasses.fake_tensor import (  # noqa: E402
    FakeTensor,
    FakeTensorMode,
    unset_fake_temporarily,
)

from geoseg.runtimes.torch import operators, resampling  # noqa: E402
from geoseg.runtimes.torch.module import OnnxModule  # noqa: E402

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
    plain = operators._ints

    def ints(value: Any) -> list[int]:
        if isinstance(value, FakeTensor):
            return plain(value)
        with unset_fake_temporarily():
            return plain(value)

    def numbers(value: Any) -> list[float]:
        if isinstance(value, FakeTensor):
            return list(value.tolist())
        with unset_fake_temporarily():
            return list(value.tolist())

    monkeypatch.setattr(operators, "_ints", ints)
    monkeypatch.setattr(resampling, "_numbers", numbers)


@pytest.mark.usefixtures("real_sizes")
@pytest.mark.parametrize("name", BUNDLES)
@pytest.mark.parametrize("half", [None, torch.float16, torch.bfloat16], ids=str)
def test_all_is_on_the_device_and_nothing_waits(name: str, half: Any) -> None:
    model = find_model(name)
    shape = (2, len(model.bands), 64, 96)
    module, other = (OnnxModule(model.weights).eval().requires_grad_(False) for _ in range(2))
    with torch.no_grad():
        other(torch.zeros(shape))
    # Sizes depend on the shape alone, and were computed when it was first seen.
    module._host = other._host
    if half is not None:
        module.lower(half)
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad(), _autocast(half):
        for key, value in list(module._buffers.items()):
            module._buffers[key] = torch.empty_strided(
                value.shape, value.stride(), dtype=value.dtype, device=GPU
            )
        found = module(torch.empty(shape, device=GPU))
    assert (str(found.device), found.dtype) == (GPU, torch.float32)
    assert found.shape == (2, 1, 64, 96)


def test_what_waits_is_found() -> None:
    """The check itself: a number asked of the device raises."""
    with FakeTensorMode(), pytest.raises(Exception, match="local_scalar_dense"):
        torch.empty((), device=GPU).item()
