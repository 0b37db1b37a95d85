from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoseg.methods.accuracy import Confusion, bootstrap_interval, confusion, total


def test_counts_and_scores() -> None:
    mapped = np.array([True, True, True, False, False, False, True])
    reference = np.array([True, True, False, True, False, False, False])
    seen = np.array([True] * 6 + [False])
    counts = confusion(mapped, reference, seen)
    assert counts == Confusion(true_positive=2, false_positive=1, false_negative=1, true_negative=2)
    assert counts.iou == 0.5
    assert counts.f1 == pytest.approx(2 / 3)
    assert counts.precision == counts.recall == pytest.approx(2 / 3)
    assert counts.accuracy == pytest.approx(4 / 6)


def test_scores_of_nothing_are_unknown() -> None:
    assert math.isnan(Confusion().iou)
    assert math.isnan(Confusion(true_negative=5).precision)


chips = st.lists(
    st.builds(
        Confusion,
        true_positive=st.integers(0, 1000),
        false_positive=st.integers(0, 1000),
        false_negative=st.integers(1, 1000),
        true_negative=st.integers(0, 1000),
    ),
    min_size=1,
    max_size=12,
)


@given(chips)
def test_interval_holds_its_order_and_repeats(items: list[Confusion]) -> None:
    low, high = bootstrap_interval(items, rounds=50)
    assert min(item.iou for item in items) <= low <= high <= max(item.iou for item in items)
    assert (low, high) == bootstrap_interval(items, rounds=50)


def test_interval_of_equal_chips_is_a_point() -> None:
    items = [Confusion(true_positive=3, false_positive=1)] * 4
    assert bootstrap_interval(items, rounds=20) == (0.75, 0.75)
    assert total(items).true_positive == 12
    assert all(math.isnan(end) for end in bootstrap_interval([Confusion()], rounds=5))
