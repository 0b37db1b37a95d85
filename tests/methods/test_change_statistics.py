"""Change between two dates: closed forms, and what must not matter."""

from __future__ import annotations

import numpy as np
import pytest

from geoseg.errors import UsageError
from geoseg.methods.change_statistics import (
    absolute_log_ratio,
    central_spread,
    change_vector,
    mean_ratio,
    robust_spread,
    standardised,
)

RNG = np.random.default_rng(0)


def test_the_change_vector_is_as_long_as_the_difference() -> None:
    before = np.zeros((3, 2, 2))
    after = before.copy()
    after[:, 0, 0] = (0.2, 0.1, 0.2)
    assert change_vector(before, after)[0, 0] == pytest.approx(0.3)
    assert change_vector(before, after)[1, 1] == 0


def test_dates_of_other_bands_are_refused() -> None:
    with pytest.raises(UsageError, match="different shapes"):
        change_vector(np.zeros((3, 2, 2)), np.zeros((2, 2, 2)))


def test_the_central_spread_is_that_of_no_change() -> None:
    same = RNG.normal(0.02, 0.05, 100_000)
    changed = np.concatenate([same, RNG.normal(0.6, 0.05, 4_000)])
    spread = central_spread(same)
    assert spread.mean == pytest.approx(0.02, abs=0.001)
    assert spread.std == pytest.approx(0.05, rel=0.02)
    assert central_spread(changed).std == pytest.approx(0.05, rel=0.15)
    assert (standardised(changed, spread) > 2).sum() >= 4_000


def test_the_robust_spread_is_not_moved_by_a_third_of_change() -> None:
    values = np.concatenate([RNG.normal(1, 0.1, 70_000), RNG.normal(9, 1, 30_000)])
    spread = robust_spread(values)
    assert abs(spread.mean - 1) < 0.1
    assert spread.std < 0.25


def test_of_nothing_there_is_no_spread() -> None:
    assert central_spread(np.full(4, np.nan)).std == 0
    assert robust_spread(np.full(4, np.nan)).std == 0


def test_the_log_ratio_counts_both_ways() -> None:
    assert absolute_log_ratio(np.array([-10.0]), np.array([-13.0]))[0] == pytest.approx(0.6908, abs=1e-4)
    assert absolute_log_ratio(np.array([-13.0]), np.array([-10.0]))[0] == pytest.approx(0.6908, abs=1e-4)


def test_the_mean_ratio_is_symmetric_and_free_of_gain() -> None:
    before = RNG.gamma(4, 0.25, (40, 40)).astype(np.float32)
    after = before.copy()
    after[:, 20:] *= 4
    found = mean_ratio(before, after, 2)
    assert found[20, 5] == pytest.approx(0, abs=1e-6)
    assert found[20, 35] == pytest.approx(0.75, abs=1e-6)
    np.testing.assert_allclose(mean_ratio(after, before, 2), found, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(mean_ratio(before * 8, after * 8, 2), found, rtol=1e-5, atol=1e-6)
