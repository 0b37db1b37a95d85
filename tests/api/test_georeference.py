"""What is stated of arrays of numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from geoseg.api.georeference import Georeference, check_same_pixels
from geoseg.errors import UsageError


def test_a_nodata_that_is_no_number_and_one_band_name() -> None:
    nodata: Any = "x"
    with pytest.raises(UsageError, match="`nodata='x'` is not a number"):
        Georeference(nodata=nodata)
    assert Georeference(bands="green").bands == ("green",)


@pytest.mark.parametrize("other", [np.zeros((2, 5, 4)), [np.zeros((5, 4))], {"dem": np.zeros((4, 4))}])
def test_arrays_of_one_call_have_the_same_pixels(other: object) -> None:
    first = np.zeros((3, 5, 4))
    check_same_pixels({"scene": first, "bbox": np.zeros(4), "before": np.zeros((5, 4))})
    if isinstance(other, dict):
        with pytest.raises(UsageError, match="`layer` is an array of 4 x 4 pixels, and `scene` of 5 x 4"):
            check_same_pixels({"scene": first, "layer": other})
    else:
        check_same_pixels({"scene": first, "before": other})
