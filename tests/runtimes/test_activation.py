"""Scores on a device are those of the host."""

from __future__ import annotations

import numpy as np
import pytest

from geoseg.runtimes.activation import activate
from geoseg.spec import Activation

torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")


@pytest.mark.parametrize("activation", ["none", "sigmoid", "softmax"])
@pytest.mark.parametrize("planes", [1, 2, 4])
@pytest.mark.parametrize("temperature", [1.0, 1.7])
@pytest.mark.parametrize("gain", [1.0, 300.0])
def test_arrays_of_torch_give_the_scores_of_numpy(
    activation: Activation, planes: int, temperature: float, gain: float
) -> None:
    """Logits of hundreds overflow an exponential: scores are 0 and 1."""
    raw = np.random.default_rng(planes).normal(0, 3, (2, planes, 5, 7)).astype(np.float32) * np.float32(gain)
    if activation == "none":
        raw = np.clip(np.abs(raw) / 4, 0.01, 0.99)
    tensor = torch.from_numpy(raw.copy())
    expected = activate(activation, raw, temperature)
    found = activate(activation, tensor, temperature, torch)
    assert (expected.dtype, found.dtype) == (np.float32, torch.float32)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)
    np.testing.assert_array_equal(tensor.numpy(), raw)
    assert found.untyped_storage().data_ptr() != tensor.untyped_storage().data_ptr()
