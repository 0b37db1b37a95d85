"""Pooling by constant matrices is adaptive pooling."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from geoseg.models.networks.decoders.upernet import BINS, pool  # noqa: E402


@pytest.mark.parametrize("size", [(4, 4), (5, 9), (16, 7), (6, 12)])
@pytest.mark.parametrize("bins", BINS)
def test_pooling_is_adaptive(size: tuple[int, int], bins: int) -> None:
    planes = torch.randn(2, 3, *size)
    expected = torch.nn.functional.adaptive_avg_pool2d(planes, bins)
    torch.testing.assert_close(pool(planes, bins), expected)
