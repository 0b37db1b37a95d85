"""Networks whose output is coarser than their input: scores of pixels by interpolation."""

from __future__ import annotations

import numpy as np
import pytest

from geoseg.runtimes.enlarge import enlarged


def test_values_lie_between_the_centres_of_coarse_pixels() -> None:
    fine = enlarged(np.array([[[[0.0, 4.0]]]]), 2)
    np.testing.assert_allclose(fine[0, 0], [[0, 1, 3, 4]] * 2)


@pytest.mark.parametrize(("factor", "size"), [(1, 5), (2, 7), (4, 16), (8, 1), (32, 4)])
def test_it_is_the_interpolation_of_torch(factor: int, size: int) -> None:
    torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")
    coarse = np.random.default_rng(0).normal(size=(2, 3, size, size)).astype(np.float32)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(coarse), scale_factor=factor, mode="bilinear", align_corners=False
    )
    np.testing.assert_allclose(enlarged(coarse, factor), expected.numpy(), atol=1e-5)
