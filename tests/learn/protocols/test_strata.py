"""Strata of PANGAEA, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from geoseg.learn.protocols.strata import draw_share, stratum_of
from geoseg.methods.accuracy import IGNORE


def label(*counts: int, ignored: int = 0) -> np.ndarray:
    """A row with so many pixels of each class."""
    pixels = [value for value, count in enumerate(counts) for _ in range(count)]
    return np.array([[*pixels, *[IGNORE] * ignored]], np.uint8)


@pytest.mark.parametrize(
    ("image", "classes", "expected"),
    [
        (label(9, 0), 2, (2, -1)),
        (label(0, 9), 2, (-1, 2)),
        (label(8, 1), 2, (2, 0)),
        (label(6, 3), 2, (1, 0)),  # exactly two thirds and one third are the upper ends of their bins
        (label(5, 4), 2, (1, 1)),
        (label(8, 1, ignored=100), 2, (2, 0)),
        (label(0, 0, ignored=5), 2, (-1, -1)),
        (label(3, 3, 3), 3, (0, 0, 0)),
        (label(1, 0, 8), 3, (0, -1, 2)),
    ],
)
def test_the_share_of_each_class_has_a_bin(
    image: np.ndarray, classes: int, expected: tuple[int, ...]
) -> None:
    assert stratum_of(image, classes) == expected


def test_every_stratum_keeps_its_share_and_at_least_one() -> None:
    # By hand: 30 dry, 12 half, 7 wet, 1 mixed. 10 %: 3 + 1 + 1 + 1 = 6; 50 %: 15 + 6 + 3 + 1 = 25.
    images = [label(9, 0)] * 30 + [label(5, 4)] * 12 + [label(0, 9)] * 7 + [label(8, 1)]
    strata = [stratum_of(image, 2) for image in images]
    for share, expected in ((0.1, (3, 1, 1, 1)), (0.5, (15, 6, 3, 1)), (1.0, (30, 12, 7, 1))):
        kept = draw_share(strata, share, seed=234)
        counts = tuple(
            sum(first <= index < last for index in kept)
            for first, last in ((0, 30), (30, 42), (42, 49), (49, 50))
        )
        assert counts == expected
        assert len(set(kept)) == len(kept) == sum(expected)
        assert list(kept) == sorted(kept)


def test_a_seed_draws_the_same_images() -> None:
    strata = [(2, -1)] * 40
    assert draw_share(strata, 0.1, 1) == draw_share(strata, 0.1, 1)
    assert draw_share(strata, 0.1, 1) != draw_share(strata, 0.1, 2)


@pytest.mark.parametrize(
    ("number", "share", "expected"), [(100, 0.29, 29), (30, 0.1, 3), (9, 0.5, 4), (3, 0.1, 1)]
)
def test_shares_are_rounded_down_without_binary_error(number: int, share: float, expected: int) -> None:
    assert len(draw_share([(0,)] * number, share, 0)) == expected
