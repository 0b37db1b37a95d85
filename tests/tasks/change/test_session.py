"""The session of a comparison of two dates."""

from __future__ import annotations

import numpy as np

from geoseg.tasks.change.choose import Comparison
from geoseg.tasks.change.methods import change_methods
from geoseg.tasks.change.session import score_of


def test_a_pixel_is_in_the_map_exactly_where_it_is_above_the_threshold() -> None:
    """However little: the score of the least number above the threshold is above a half."""
    threshold = np.float32(3.548)
    above = np.nextafter(threshold, np.float32(9))
    values = np.array([[0, threshold, above, 9, np.nan]], np.float32)
    comparison = Comparison(
        method=change_methods()["mad"], bands=("red",), threshold=float(threshold), scale=2.6
    )
    assert (score_of(values, comparison) > 0.5).tolist() == [[False, False, True, True, False]]
