"""Positions of names, from a table where names are dense and from a search where they are not."""

from __future__ import annotations

import numpy as np
import pytest

from geoseg.polygons.segments import positions


@pytest.mark.parametrize("step", [1, 2, 1000])
@pytest.mark.parametrize("count", [1, 2, 500])
@pytest.mark.parametrize("first", [0, 7, 2**40])
def test_positions_are_those_of_a_search(first: int, count: int, step: int) -> None:
    rng = np.random.default_rng(count)
    names = first + step * np.arange(count) + (rng.random(count) < 0.5 if step > 1 else 0)
    wanted = rng.permutation(np.repeat(names, 3))

    np.testing.assert_array_equal(positions(names, wanted), np.searchsorted(names, wanted))


def test_few_names_of_a_long_table_are_searched() -> None:
    names = np.arange(10_000)

    np.testing.assert_array_equal(positions(names, np.array([3, 9_999])), [3, 9_999])


def test_no_names() -> None:
    none = np.empty(0, np.int64)

    assert positions(none, none).size == 0
