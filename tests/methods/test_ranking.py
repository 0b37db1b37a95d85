"""Average precision against values worked out by hand, and against its definition point by point."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoseg.methods.ranking import average_precision, intervals, macro, per_class


def test_by_hand() -> None:
    """Positives at ranks 1, 3 and 6: (1/1 + 2/3 + 3/6) / 3."""
    truth = np.array([1, 0, 1, 0, 0, 1], bool)
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    assert average_precision(truth, scores) == pytest.approx((1 + 2 / 3 + 3 / 6) / 3)


def test_equal_scores_come_together() -> None:
    """One score for all: the precision of telling everything, whatever the order."""
    truth = np.array([1, 0, 0, 0], bool)
    assert average_precision(truth, np.full(4, 0.5)) == 0.25
    assert average_precision(truth[::-1], np.full(4, 0.5)) == 0.25
    # Two of three with 0.8 are right, then the last positive comes with one that is not.
    truth, scores = np.array([1, 1, 0, 1, 0], bool), np.array([0.8, 0.8, 0.8, 0.1, 0.1])
    assert average_precision(truth, scores) == pytest.approx(2 / 3 * 2 / 3 + 1 / 3 * 3 / 5)


def test_bounds() -> None:
    truth = np.array([1, 1, 0, 0], bool)
    assert average_precision(truth, np.array([4, 3, 2, 1.0])) == 1
    assert average_precision(truth, np.array([1, 2, 3, 4.0])) == pytest.approx((1 / 3 + 2 / 4) / 2)
    assert np.isnan(average_precision(~truth & truth, np.arange(4.0)))
    assert np.isnan(average_precision(np.empty(0, bool), np.empty(0)))


def by_definition(truth: np.ndarray, scores: np.ndarray) -> float:
    total, before = 0.0, 0.0
    for threshold in sorted(set(scores.tolist()), reverse=True):
        told = scores >= threshold
        recall, precision = truth[told].sum() / truth.sum(), truth[told].mean()
        total += (recall - before) * precision
        before = recall
    return float(total)


SITES = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.1, 0.2, 0.3, 0.5, 0.9])), min_size=1, max_size=30
)


@given(SITES)
def test_the_definition(sites: list[tuple[bool, float]]) -> None:
    truth, scores = np.array([a for a, _ in sites]), np.array([b for _, b in sites])
    found = average_precision(truth, scores)
    assert np.isnan(found) if not truth.any() else found == pytest.approx(by_definition(truth, scores))


@given(SITES, st.integers(0, 5))
def test_counts_are_repetitions(sites: list[tuple[bool, float]], seed: int) -> None:
    truth, scores = np.array([a for a, _ in sites]), np.array([b for _, b in sites])
    counts = np.random.default_rng(seed).integers(0, 3, len(sites))
    repeated = average_precision(truth.repeat(counts), scores.repeat(counts))
    assert average_precision(truth, scores, counts) == pytest.approx(repeated, nan_ok=True)


def test_torchmetrics_agrees() -> None:
    torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
    metric = pytest.importorskip("torchmetrics.functional.classification")
    rng = np.random.default_rng(3)
    scores = rng.random((200, 6)).round(2)
    truth = rng.random((200, 6)) < scores * 0.5
    expected = metric.multilabel_average_precision(
        torch.from_numpy(scores), torch.from_numpy(truth.astype(int)), num_labels=6, average=None
    )
    np.testing.assert_allclose(per_class(truth, scores), expected.numpy(), rtol=1e-5)


def test_intervals_hold_the_value_and_narrow_with_sites() -> None:
    rng = np.random.default_rng(4)
    widths = []
    for count in (60, 960):
        truth = rng.random((count, 2)) < 0.4
        scores = truth * 0.5 + rng.random((count, 2))
        found = intervals(truth, scores)
        for value, (low, high) in zip(per_class(truth, scores), found.classes, strict=True):
            assert low < value < high
        assert found.macro[0] < macro(per_class(truth, scores)) < found.macro[1]
        widths.append(found.classes[0][1] - found.classes[0][0])
    # A sixteenth of the sites: four times as wide, to within what the draws leave open.
    assert 2.5 < widths[0] / widths[1] < 6


def test_a_class_without_positives_has_no_score() -> None:
    truth = np.array([[1, 0], [0, 0]], bool)
    scores = np.array([[0.9, 0.5], [0.1, 0.2]])
    assert np.isnan(per_class(truth, scores)[1])
    assert macro(per_class(truth, scores)) == 1
    assert np.isnan(intervals(truth, scores).classes[1]).all()
    assert np.isnan(macro([float("nan")]))
