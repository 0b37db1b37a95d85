"""Scores of values that a threshold divides."""

from __future__ import annotations

import math

import numpy as np
import pytest

from geoseg.methods.logistic import logistic


@pytest.mark.parametrize("below", [True, False])
def test_half_at_the_threshold_and_rising_to_the_side_asked_for(below: bool) -> None:
    values = np.array([1.0, 2.0, 3.0, np.nan, -1e9, 1e9], np.float32)
    scores = logistic(values, 2.0, 1.0, below=below)
    one_scale = 1 / (1 + math.exp(-1))
    expected = [one_scale, 0.5, 1 - one_scale, 0, 1, 0] if below else [1 - one_scale, 0.5, one_scale, 0, 0, 1]
    assert scores == pytest.approx(expected, abs=1e-6)
    assert scores.dtype == np.float32
    assert values[0] == 1.0
