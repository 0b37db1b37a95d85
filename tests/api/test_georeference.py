"""What is stated of arrays of numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from affine import Affine

from geoseg.api.georeference import Georeference, affine_of, check_same_pixels
from geoseg.errors import UsageError


def test_a_nodata_that_is_no_number_and_one_band_name() -> None:
    nodata: Any = "x"
    with pytest.raises(UsageError, match="`nodata='x'` is not a number"):
        Georeference(nodata=nodata)
    assert Georeference(bands="green").bands == ("green",)


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (
            (500000.0, 10.0, 0.0, 4600000.0, 0.0, -10.0),
            r"order of GDAL; give `Affine.from_gdal\(\*transform\)`",
        ),
        (Affine(500000.0, 10.0, 0.0, 4600000.0, 0.0, -10.0), "order of GDAL"),
        ((0, 1, 0, 0, 0, 1), "order of GDAL"),
        ((10, 0, 500000, 0, 0, 4600000), "gives pixels no area"),
    ],
)
def test_a_transform_of_another_order_is_refused(transform: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        affine_of(transform)


@pytest.mark.parametrize(
    "transform",
    [
        (10, 0, 500000, 0, -10, 4600000),
        (10, 0, 500000, 0, -10, 4600000, 0, 0, 1),
        (0, 10, 0, 10, 0, 4600000),  # turned by 90 degrees, with its corner at x = 0
        (1, 0, 0, 0, 1, 0),
        (8, -5, 0, 5, 8, 0),
    ],
)
def test_transforms_are_taken(transform: tuple[float, ...]) -> None:
    assert affine_of(transform) == Affine(*transform[:6])


@pytest.mark.parametrize("other", [np.zeros((2, 5, 4)), [np.zeros((5, 4))], {"dem": np.zeros((4, 4))}])
def test_arrays_of_one_call_have_the_same_pixels(other: object) -> None:
    first = np.zeros((3, 5, 4))
    check_same_pixels({"scene": first, "bbox": np.zeros(4), "before": np.zeros((5, 4))})
    if isinstance(other, dict):
        with pytest.raises(UsageError, match="`layer` is an array of 4 x 4 pixels, and `scene` of 5 x 4"):
            check_same_pixels({"scene": first, "layer": other})
    else:
        check_same_pixels({"scene": first, "before": other})
