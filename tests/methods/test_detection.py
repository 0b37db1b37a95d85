"""Shares with intervals and detection limits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from geoseg.errors import UsageError
from geoseg.methods.detection import detection_limit, wilson


def test_wilson_by_published_numbers() -> None:
    # Newcombe 1998, doi:10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E, table I, method 3.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=1e-4)
    assert wilson(20, 20) == pytest.approx((0.8389, 1.0), abs=1e-4)


def test_of_nothing_nothing_is_known() -> None:
    assert wilson(0, 0) == (0, 1)
    with pytest.raises(UsageError):
        wilson(3, 2)


def test_a_limit_is_found_again() -> None:
    rng = np.random.default_rng(0)
    sizes = np.repeat([1.0, 2.0, 5.0, 10.0, 20.0, 50.0], 400)
    chance = 1 / (1 + np.exp(-2.5 * (np.log(sizes) - math.log(8))))
    found = rng.random(sizes.size) < chance
    assert detection_limit(sizes, found, 0.5) == pytest.approx(8, rel=0.08)
    assert detection_limit(sizes, found, 0.9) == pytest.approx(8 * math.exp(math.log(9) / 2.5), rel=0.12)


def test_parted_perfectly_it_lies_between() -> None:
    sizes = np.array([1.0, 2.0, 4.0, 8.0])
    assert 2 < detection_limit(np.repeat(sizes, 5), np.repeat(sizes > 3, 5), 0.5) < 4


def test_outside_what_was_tried() -> None:
    sizes = np.array([1.0, 2.0, 4.0, 8.0])
    assert detection_limit(sizes, np.zeros(4, bool), 0.5) == math.inf
    assert detection_limit(sizes, np.ones(4, bool), 0.5) == 0
    # Found where it is small and lost where it is large: no limit.
    assert detection_limit(sizes, sizes < 3, 0.5) == math.inf
    with pytest.raises(UsageError):
        detection_limit(np.array([0.0]), np.array([True]), 0.5)
