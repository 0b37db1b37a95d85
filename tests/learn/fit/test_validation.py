"""Scores by leaving places out: no leak, equal weight of classes, the best and simplest set is taken."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("threadpoolctl")
from geoseg.learn.fit.features import FeatureTable
from geoseg.learn.fit.validation import (
    Labelled,
    SetScore,
    balanced_score,
    best_set,
    fit_chosen,
    score_interval,
    score_set,
    score_sets,
)


def data(bands: NDArray[np.float32], classes: NDArray[np.intp], places: NDArray[np.intp]) -> Labelled:
    noise = np.random.default_rng(9).normal(0, 1, (len(bands), 40)).astype(np.float32)
    table = FeatureTable(groups={"bands": bands, "indices": bands[:, :1], "embedding": noise})
    return Labelled(table=table, classes=classes, places=places, number=2)


def test_what_is_the_same_inside_a_place_only_does_not_count() -> None:
    """Each place has a random signature that says the class of its labels, but of no other place."""
    rng = np.random.default_rng(1)
    places = np.arange(80) // 4
    classes = rng.integers(0, 2, 20)[places]
    signature = rng.normal(0, 1, (20, 6)).astype(np.float32)[places]
    scored = score_set(data(signature, classes, places), ("bands",), "knn")
    assert scored.recall < 0.75
    alone = score_set(data(signature, classes, np.arange(80)), ("bands",), "knn")
    assert alone.recall > 0.95


def test_the_simple_set_is_taken_where_the_rest_is_noise() -> None:
    rng = np.random.default_rng(2)
    classes = np.arange(60) % 2
    bands = (rng.normal(0, 1, (60, 3)) + 4 * classes[:, None]).astype(np.float32)
    scores = score_sets(data(bands, classes, np.arange(60)), "logistic")
    best = best_set(scores)
    assert "embedding" not in best.groups
    assert best.score > 0.8
    noise = next(item for item in scores if item.groups == ("embedding",))
    assert noise.score < 0.6
    assert noise.interval[0] <= noise.score <= noise.interval[1]


def test_sets_that_hardly_differ_are_the_first() -> None:
    def scored(score: float, *groups: str) -> SetScore:
        return SetScore(
            groups=groups, features=1, folds=2, counts=(), score=score, interval=(0, 1), recall=score
        )  # fmt: skip

    first, second = scored(0.700, "bands"), scored(0.703, "bands", "indices")
    assert best_set([first, second]) is first
    assert best_set([first, scored(0.72, "indices")]).score == 0.72


def test_an_embedding_is_taken_only_if_it_gains_more_than_by_chance() -> None:
    rng = np.random.default_rng(3)
    right = rng.random(100) < 0.8

    def scored(correct: NDArray[np.bool_], *groups: str) -> SetScore:
        counts = [np.zeros((2, 2), np.int64) for _ in correct]
        for index, (own, hit) in enumerate(zip(counts, correct, strict=True)):
            own[index % 2, index % 2 if hit else 1 - index % 2] = 1
        score = balanced_score(np.sum(counts, axis=0))
        return SetScore(
            groups=groups, features=1, folds=2, counts=tuple(counts), score=score, interval=(0, 1),
            recall=score,
        )  # fmt: skip

    plain = scored(right, "bands")
    lucky, good = right.copy(), right.copy()
    lucky[np.flatnonzero(~right)[:3]] = True
    lucky[np.flatnonzero(right)[:2]] = False
    good[np.flatnonzero(~right)[:12]] = True
    assert best_set([plain, better := scored(lucky, "embedding")]) is plain
    assert better.score > plain.score
    assert best_set([plain, better := scored(good, "embedding")]) is better


def test_the_score_does_not_depend_on_the_number_of_labels_of_a_class() -> None:
    counts = np.array([[90, 10], [2, 8]])
    assert balanced_score(counts) == pytest.approx(balanced_score(counts * [[1], [10]]), abs=1e-6)
    assert balanced_score(counts) == pytest.approx(0.8 / (0.8 + 0.2 + 0.1), abs=1e-6)


def test_a_class_of_one_place_gets_a_middle_penalty() -> None:
    x = np.array([[0.0], [0.1], [1.0], [1.1]])
    head = fit_chosen(x, np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]), 2, "logistic")
    assert head.setting == 0.1


@pytest.mark.parametrize(("places", "low"), [(5, 0.3142), (20, 0.7117), (200, 0.9641)])
def test_few_places_without_an_error_are_no_certainty(places: int, low: float) -> None:
    counts = [np.diag([4, 0]), np.diag([0, 3])] * places
    assert score_interval(counts) == pytest.approx((low, 1.0), abs=1e-4)
    # With errors it is the bootstrap.
    wrong = [*counts[:-1], np.array([[0, 0], [3, 0]])]
    below, high = score_interval(wrong)
    assert below < balanced_score(np.sum(wrong, axis=0)) <= high
