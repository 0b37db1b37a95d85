from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoseg.errors import UsageError
from geoseg.methods.flood_change import LOG_RATIO_FALLBACK, UN_SPIDER_QUOTIENT, log_ratio, un_spider, z_score


@pytest.mark.parametrize(
    ("before", "after", "flood"),
    [(-16, -20.1, True), (-16, -19.9, False), (-8, -10.1, True), (-8, -9.9, False)],
)
def test_un_spider_vectors(before: float, after: float, flood: bool) -> None:
    quotient = un_spider(np.array([after], np.float32), np.array([before], np.float32))
    assert (quotient[0] > UN_SPIDER_QUOTIENT) == flood


@pytest.mark.parametrize(("before", "after"), [(0, -10), (-10, 0), (3, 4), (2, -20), (np.nan, -10)])
def test_un_spider_is_undefined_at_zero_db_and_above(before: float, after: float) -> None:
    assert np.isnan(un_spider(np.array([after], np.float32), np.array([before], np.float32))).all()


@given(st.floats(-30, 0), st.floats(-30, 0))
def test_log_ratio(after: float, before: float) -> None:
    ratio = log_ratio(np.array([after]), np.array([before]))[0]
    assert ratio == pytest.approx(0.230259 * (after - before), abs=1e-4)
    assert ratio == pytest.approx(np.log(10 ** (after / 10) / 10 ** (before / 10)), abs=1e-9)


def test_log_ratio_fallback_is_three_db() -> None:
    assert log_ratio(np.array([-13.0]), np.array([-10.0]))[0] == pytest.approx(LOG_RATIO_FALLBACK)


def test_z_score() -> None:
    before = np.array([-10.0, -11.0, -9.0, -10.0, -10.0]).reshape(5, 1, 1)
    std = np.sqrt(0.5)
    z = z_score(np.array([[-20.0]]), before)
    assert z[0, 0] == pytest.approx(-10 / std)
    assert z_score(np.array([[-20.0]]), before, 2.0)[0, 0] == pytest.approx(-5)


def test_z_score_without_spread_is_unknown() -> None:
    assert np.isnan(z_score(np.array([[-20.0]]), np.full((3, 1, 1), -10.0))).all()


def test_z_score_needs_two_scenes() -> None:
    with pytest.raises(UsageError, match="2 scenes"):
        z_score(np.zeros((1, 1)), np.zeros((1, 1, 1)))
