"""Scores from counts: by hand, and as torchmetrics has them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoseg.methods.accuracy import IGNORE, accuracy, class_scores, count, interval, main_score, mean_iou

REFERENCE = np.array([[0, 0, 1, 1], [2, 2, IGNORE, 0]], np.uint8)
MAPPED = np.array([[0, 1, 1, 1], [2, 0, 1, IGNORE]], np.uint8)


def test_counts_by_hand() -> None:
    counts = count(REFERENCE, MAPPED, 3)
    np.testing.assert_array_equal(counts, [[1, 1, 0], [0, 2, 0], [1, 0, 1]])
    scores = class_scores(counts)
    assert scores[0].iou == pytest.approx(1 / 3)
    assert scores[1].precision == pytest.approx(2 / 3)
    assert scores[1].recall == 1
    assert scores[2].f1 == pytest.approx(2 / 3)
    assert [score.support for score in scores] == [2, 2, 2]
    assert accuracy(counts) == pytest.approx(4 / 6)
    assert mean_iou(counts) == pytest.approx((1 / 3 + 2 / 3 + 1 / 2) / 3)


def test_two_classes_are_scored_by_the_second() -> None:
    assert main_score(np.array([[90, 5], [3, 2]])) == pytest.approx(2 / 10)


def test_of_nothing_is_nan() -> None:
    assert np.isnan(main_score(np.array([[9, 0], [0, 0]])))
    assert np.isnan(interval([])[0])


@given(st.integers(0, 2**32 - 1))
def test_as_torchmetrics(seed: int) -> None:
    torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
    from torchmetrics.functional.classification import multiclass_jaccard_index  # noqa: PLC0415

    rng = np.random.default_rng(seed)
    reference, mapped = rng.integers(0, 4, (2, 30, 30)).astype(np.uint8)
    reference[rng.random(reference.shape) < 0.1] = IGNORE
    expected = multiclass_jaccard_index(
        torch.from_numpy(mapped.astype(np.int64)),
        torch.from_numpy(reference.astype(np.int64)),
        4,
        average="none",
        ignore_index=IGNORE,
    )
    found = [score.iou for score in class_scores(count(reference, mapped, 4))]
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)


def test_intervals_hold_the_score_and_shrink_with_more_chips() -> None:
    rng = np.random.default_rng(1)
    chips = [np.array([[80, 10], [5, int(rng.integers(5, 60))]]) for _ in range(200)]
    low, high = interval(chips)
    assert low < main_score(np.sum(chips, axis=0)) < high
    few = interval(chips[:10])
    assert few[1] - few[0] > high - low


def test_the_difference_of_equal_maps_is_nothing() -> None:
    chips = [np.array([[80, 10], [5, 9 + i]]) for i in range(9)]
    assert interval(chips, against=chips) == (0, 0)
    better = [chip + np.array([[5, -5], [-2, 2]]) for chip in chips]
    assert interval(better, against=chips)[0] > 0
