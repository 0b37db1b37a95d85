"""Score heads by leaving places out, and choose penalty and features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoseg.learn.fit.features import EMBEDDING, FeatureTable, set_name
from geoseg.learn.fit.heads import Array, Standardised, balanced, fit_path, one_thread, settings_of
from geoseg.learn.fit.places import folds_of
from geoseg.methods.accuracy import Counts, count, interval, main_score
from geoseg.spec.fit import Head

INNER_FOLDS = 4
"""Most parts of the cross-validation that chooses a penalty."""

CLEAR = 0.005
"""Difference of scores below which the set of fewer or cheaper features is used."""


TAIL = 0.025
"""Probability outside a 95 % interval, on one side."""

ONE_ERROR = 0.6827
"""Level of an interval of one standard error to both sides, of a normal distribution."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Labelled:
    """Labelled pixels for fitting."""

    table: FeatureTable
    classes: NDArray[np.intp]
    """(n,) 0..K-1."""
    places: NDArray[np.intp]
    """(n,)"""
    number: int
    """K."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SetScore:
    """Scores of a set of features at places that were left out."""

    groups: tuple[str, ...]
    features: int
    """D."""
    folds: int
    counts: tuple[Counts, ...]
    """Error matrix of each place."""
    score: float
    """IoU with equal weight of the classes: of the second of two, else the mean; see `balanced_score`."""
    interval: tuple[float, float]
    """95 % interval, of `score_interval`."""
    recall: float
    """Mean over classes of the share of pixels that are right."""

    @property
    def name(self) -> str:
        """Names of the groups, joined by +."""
        return set_name(self.groups)


def balanced_score(counts: Counts) -> float:
    """Return the IoU of an error matrix whose rows are scaled to one sum, so that classes count alike.

    The numbers of labels of the classes are the labeller's choice and not their areas, which would decide
    the IoU. Two classes: of the second; more: the mean.
    """
    sums = counts.sum(axis=1, keepdims=True)
    scaled = np.where(sums > 0, counts / np.maximum(sums, 1), 0.0)
    return main_score(np.rint(scaled * 10**9).astype(np.int64))


def score_interval(counts: Sequence[Counts]) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of `balanced_score` over places.

    Where no place has an error, no resample has one either. The lower limit is then the score at the largest
    share of errors e with which the n places of the rarest class are all right in 2.5 % of cases,
    (1 - e)^n = 0.025 (Clopper and Pearson 1934), if each class is taken for another in that share:
    (1 - e) / (1 + e).

    Args:
        counts: error matrix of each place.
    """
    low, high = interval(counts, balanced_score)
    total = np.sum(counts, axis=0)
    if np.trace(total) < total.sum():
        return low, high
    fewest = min(int(np.count_nonzero(own)) for own in np.stack(counts).sum(axis=2).T if own.any())
    errors = 1 - TAIL ** (1 / fewest)
    return (1 - errors) / (1 + errors), high


def score_sets(data: Labelled, kind: Head, seed: int = 0) -> list[SetScore]:
    """Score every combination of groups of features, the cheapest first."""
    return [score_set(data, groups, kind, seed) for groups in data.table.sets()]


@one_thread()
def score_set(data: Labelled, groups: tuple[str, ...], kind: Head, seed: int = 0) -> SetScore:
    """Score a set of features: each part of the places by a head that was fitted to the others.

    The penalty is chosen anew inside each part, so that the score is of pixels that nothing has seen.
    """
    features = data.table.of(groups)
    folds = folds_of(data.places, data.classes)
    scores = np.zeros((len(features), data.number))
    for fold in np.unique(folds):
        out = folds == fold
        rest = fit_chosen(features[~out], data.classes[~out], data.places[~out], data.number, kind, seed)
        scores[out] = rest.scores(features[out])
    mapped = scores.argmax(axis=1)
    named = np.unique(data.places)
    counts = tuple(
        count(
            data.classes[data.places == place].astype(np.uint8),
            mapped[data.places == place].astype(np.uint8),
            data.number,
        )
        for place in named
    )
    total = np.sum(counts, axis=0)
    return SetScore(
        groups=groups,
        features=features.shape[1],
        folds=int(folds.max()) + 1,
        counts=counts,
        score=balanced_score(total),
        interval=score_interval(counts),
        recall=float(np.mean(np.diag(total) / total.sum(axis=1))),
    )


def best_set(scores: Sequence[SetScore]) -> SetScore:
    """Return the set with the best score; of sets that hardly differ from it, the first.

    A set with an embedding is returned only if its gain over the best set without one exceeds the standard
    error of the gain (the rule of one standard error, Breiman et al. 1984): maps with an encoder take many
    times as long, and the scores of few labels differ by chance.
    """
    plain, deep = by_encoder(scores)
    if not plain or not deep:
        return _best(scores)
    first, second = _best(plain), _best(deep)
    low, high = interval(second.counts, balanced_score, against=first.counts, level=ONE_ERROR)
    return second if second.score - first.score > (high - low) / 2 else first


def by_encoder(scores: Sequence[SetScore]) -> tuple[list[SetScore], list[SetScore]]:
    """Return the sets without an embedding and those with one."""
    deep = [item for item in scores if EMBEDDING in item.groups]
    return [item for item in scores if EMBEDDING not in item.groups], deep


def _best(scores: Sequence[SetScore]) -> SetScore:
    best = max(item.score for item in scores)
    return next(item for item in scores if item.score >= best - CLEAR)


@one_thread()
def fit_chosen(
    features: NDArray[np.floating],
    classes: NDArray[np.intp],
    places: NDArray[np.intp],
    number: int,
    kind: Head,
    seed: int = 0,
) -> Standardised:
    """Fit a head whose penalty has the least cross-entropy when places are left out.

    A class of a single place cannot be left out: then the middle one of the settings is used.

    Args:
        features: (n, D)
        classes: (n,) 0..K-1.
        places: (n,)
        number: K.
        kind: of the head.
        seed: of the first weights of a hidden layer.
    """
    settings = settings_of(kind, len(features))
    setting = settings[len(settings) // 2]
    whole = all(len(np.unique(places[classes == value])) > 1 for value in np.unique(classes))
    if whole and len(settings) > 1:
        folds = folds_of(places, classes, INNER_FOLDS)
        losses = np.zeros(len(settings))
        scores = np.zeros((len(settings), len(features), number))
        for fold in np.unique(folds):
            out = folds == fold
            path = fit_path(kind, features[~out], classes[~out], number, settings, seed)
            for index, head in enumerate(path):
                scores[index, out] = head.scores(features[out])
        losses = np.array([_loss(item, classes, number) for item in scores])
        setting = settings[int(losses.argmin())]
    return fit_path(kind, features, classes, number, [setting], seed)[0]


def _loss(scores: Array, classes: NDArray[np.intp], number: int) -> float:
    """Return the mean cross-entropy with equal weight of the classes."""
    own = np.maximum(scores[np.arange(len(classes)), classes], 1e-6)
    return float((balanced(classes, number) * -np.log(own)).mean())
