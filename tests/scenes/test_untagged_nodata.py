"""Fill values that no tag states."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from geoseg.scenes.untagged_nodata import isolated_value, untagged_nodata

RNG = np.random.default_rng(0)
DIGITAL_NUMBERS = RNG.integers(100, 12_000, 5000)
BACKSCATTER = RNG.normal(-15, 5, 5000).clip(-35, 5)
BYTES = RNG.integers(3, 240, 5000)


def with_fill(values: NDArray[np.generic], fill: float, share: float, dtype: str) -> NDArray[np.generic]:
    """Return values of which a share is fill."""
    filled = values.astype(dtype)
    filled[: round(share * filled.size)] = fill
    return filled


@pytest.mark.parametrize(
    ("values", "fill", "dtype"),
    [
        (DIGITAL_NUMBERS, 65_535, "uint16"),
        (DIGITAL_NUMBERS, 32_767, "int16"),
        (DIGITAL_NUMBERS, 65_535, "float32"),
        (BACKSCATTER, -99, "float32"),
        (BACKSCATTER, -999, "float32"),
        (BACKSCATTER, 9999, "float32"),
        (BYTES, 255, "uint8"),
    ],
)
@pytest.mark.parametrize("share", [0.06, 0.95])
def test_one_value_of_many_pixels_far_from_all_others_is_fill(
    values: NDArray[np.generic], fill: float, dtype: str, share: float
) -> None:
    assert isolated_value(with_fill(values, fill, share, dtype)) == fill
    assert untagged_nodata(with_fill(values, fill, share, dtype), reflectance=False) == fill


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(DIGITAL_NUMBERS.clip(2000, 9000).astype(np.uint16), id="clipped at both ends"),
        pytest.param(np.append(DIGITAL_NUMBERS, [65_535] * 5).astype(np.uint16), id="a few saturated pixels"),
        pytest.param(BACKSCATTER.clip(-25, 0).astype(np.float32), id="backscatter cut at the noise"),
        pytest.param(np.append(BYTES, [255] * 150).astype(np.uint8), id="three hundredths saturated"),
        pytest.param((BYTES * 1.6).clip(0, 255).astype(np.uint8), id="a stretched picture"),
        pytest.param(np.append(BYTES, [*range(246, 255)] * 9 + [255] * 2000).astype(np.uint8), id="clouds"),
        pytest.param(np.repeat([0, 255], 500).astype(np.uint8), id="a mask"),
        pytest.param(np.repeat([0, 1, 65_535], 500).astype(np.uint16), id="classes"),
        pytest.param(np.append(DIGITAL_NUMBERS + 20_000, [0] * 500).astype(np.uint16), id="zeros"),
        pytest.param(np.zeros(500), id="one value"),
        pytest.param(np.empty(0), id="no pixel"),
    ],
)
def test_values_that_may_be_measured_are_no_fill(values: NDArray[np.generic]) -> None:
    assert isolated_value(values) is None
