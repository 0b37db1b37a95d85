"""Capability scores of GEO-Bench-2: interquartile means of normalised metrics, bootstrapped over seeds.

The procedure is that of the leaderboard (The-AI-Alliance/GEO-Bench-2-Leaderboard, `compute_tools`): metrics
are normalised by fixed ranges and not clipped; 100 times, as many seeds as there are are drawn with
replacement for each backbone and data set; the values of a backbone over the data sets of a capability are
pooled, a quarter is cut at each end, and the rest is averaged.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import SceneError
from geoseg.learn.protocols.result_rows import ResultRow
from geoseg.messages import note
from geoseg.spec import BenchmarkSpec

LOG = logging.getLogger(__name__)

ROUNDS, FIRST_STATE = 100, 100
"""Bootstrap samples, and the state of the random generator of the first."""
CUT = 0.25
"""Share of the values that is cut at each end."""
WHOLE = "100%"
"""Value of `partition name` for all labels."""
SEEDS = 5
"""Seeds that the leaderboard requires."""
LEAST_SCORE = 0.6
"""Value of the metric RMSE below which it is an error, not a score; released scores are above 0.9."""

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetScore:
    """The scores of a backbone on a data set."""

    backbone: str
    tuning: str
    dataset: str
    setting: str
    metric: str
    decoder: str
    seeds: int
    mean: float
    deviation: float
    """Standard deviation over seeds, or over left-out parts; NaN for one value."""
    normalised: float | None
    """Interquartile mean of the normalised values; None: the data set is not of the benchmark."""
    normalised_error: float | None
    """Standard error of the values that the cut leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityScore:
    """The score of a backbone for a group of data sets, where 0 and 1 are the ends of the ranges."""

    backbone: str
    tuning: str
    capability: str
    score: float
    interval: tuple[float, float]
    """2.5 and 97.5 % of the bootstrap samples."""
    published_error: float
    """Error that the leaderboard states: that of the mean of 100 samples, a tenth of their deviation."""


def interquartile_mean(values: Values) -> float:
    """Return the mean without the quarter of the values at each end."""
    return float(np.mean(middle(values)))


def middle(values: Values) -> Values:
    """Return the sorted values without the quarter at each end, whose size is rounded down."""
    cut = int(CUT * len(values))
    return np.sort(values)[cut : len(values) - cut]


def standard_error(values: Values) -> float:
    """Return the standard error of the mean; NaN for one value."""
    return float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan


def as_scores(rows: Sequence[ResultRow], benchmark: BenchmarkSpec) -> tuple[ResultRow, ...]:
    """Return rows with scores in place of root mean square errors; released files have scores.

    Raises:
        SceneError: a value is neither a score nor an error in the units of the benchmark.
    """
    changed = 0
    scores = []
    for row in rows:
        factor = benchmark.errors.get(row.dataset)
        if factor is not None and "rmse" in row.metric.lower() and not 0 <= row.value <= 1:
            raise SceneError(
                f"{row.submission}: {row.metric} of {row.dataset} is {row.value:g} ({row.backbone}, seed "
                f"{row.seed}), neither an error below {LEAST_SCORE:g} nor a score up to 1"
            )
        if factor is not None and "rmse" in row.metric.lower() and row.value < LEAST_SCORE:
            changed += 1
            scores.append(replace(row, value=1 - factor * row.value))
        else:
            scores.append(row)
    if changed:
        note(LOG, f"{changed} values of metric RMSE are below {LEAST_SCORE}: taken as errors, not as scores")
    return tuple(scores)


def dataset_scores(rows: Sequence[ResultRow], benchmark: BenchmarkSpec) -> tuple[DatasetScore, ...]:
    """Return mean and spread of each backbone on each data set; `rows` are of `as_scores`."""

    def key(row: ResultRow) -> tuple[str, ...]:
        return (row.dataset, row.setting, row.metric, row.backbone, row.decoder, row.tuning)

    scores = []
    for (dataset, setting, metric, backbone, decoder, tuning), group in groupby(sorted(rows, key=key), key):
        values = np.array([row.value for row in group])
        limits = benchmark.ranges.get(dataset) if metric in benchmark.metrics else None
        inner = None if limits is None else middle(normalise(values, limits))
        scores.append(
            DatasetScore(
                backbone=backbone,
                tuning=tuning,
                dataset=dataset,
                setting=setting,
                metric=metric,
                decoder=decoder,
                seeds=len(values),
                mean=float(values.mean()),
                deviation=float(values.std(ddof=1)) if len(values) > 1 else math.nan,
                normalised=None if inner is None else float(inner.mean()),
                normalised_error=None if inner is None else standard_error(inner),
            )
        )
    return tuple(scores)


def normalise(values: Values, limits: tuple[float, float]) -> Values:
    """Return values of which 0 and 1 are the ends of a range; not clipped."""
    low, high = limits
    return (values - low) / (high - low)


def capability_scores(rows: Sequence[ResultRow], benchmark: BenchmarkSpec) -> tuple[CapabilityScore, ...]:
    """Return the scores of all backbones that have all data sets of a capability.

    Each file and kind of fine-tuning is scored by itself, as on the leaderboard. `rows` are of `as_scores`
    and have unambiguous names (`result_rows.unambiguous`).
    """
    scores = []
    for submission, tuning in dict.fromkeys((row.submission, row.tuning) for row in rows):
        own = [row for row in rows if (row.submission, row.tuning) == (submission, tuning)]
        values = _normalised(own, benchmark)
        for capability, datasets in benchmark.capabilities.items():
            # Backbones that lack a data set have no score, but the leaderboard draws for them too.
            table = {key: found for key, found in values.items() if key[1] in datasets}
            for name, drawn in _draws(table).items():
                if not all((name, dataset) in values for dataset in datasets):
                    continue
                low, high = np.quantile(drawn, [0.025, 0.975])
                scores.append(
                    CapabilityScore(
                        backbone=name,
                        tuning=tuning,
                        capability=capability,
                        score=float(drawn.mean()),
                        interval=(float(low), float(high)),
                        published_error=standard_error(drawn),
                    )
                )
    return tuple(scores)


def _normalised(rows: Iterable[ResultRow], benchmark: BenchmarkSpec) -> dict[tuple[str, str], Values]:
    """Return the normalised values of all seeds by backbone and data set."""
    values: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        if _counts(row, benchmark):
            values.setdefault((row.backbone, row.dataset), []).append(row.value)
    return {key: normalise(np.array(value), benchmark.ranges[key[1]]) for key, value in values.items()}


def _counts(row: ResultRow, benchmark: BenchmarkSpec) -> bool:
    """Return whether a row is of the benchmark: its metric on one of its data sets, with all labels."""
    full = row.setting in {"", WHOLE}
    return full and row.dataset in benchmark.ranges and row.metric in benchmark.metrics


def _draws(table: Mapping[tuple[str, str], Values]) -> dict[str, Values]:
    """Return the interquartile mean of each bootstrap sample by backbone.

    Groups are drawn in sorted order from one generator, which is how pandas samples within groups, so that
    scores equal those of the leaderboard's code.
    """
    means: dict[str, list[float]] = {}
    for number in range(ROUNDS if table else 0):
        generator = np.random.RandomState(FIRST_STATE + number)
        pooled: dict[str, list[Values]] = {}
        for name, dataset in sorted(table):
            values = table[name, dataset]
            drawn = generator.choice(len(values), size=len(values), replace=True)
            pooled.setdefault(name, []).append(values[drawn])
        for name, parts in pooled.items():
            means.setdefault(name, []).append(interquartile_mean(np.concatenate(parts)))
    return {name: np.array(found) for name, found in means.items()}


def incomplete(rows: Sequence[ResultRow], benchmark: BenchmarkSpec) -> tuple[str, ...]:
    """Return what the leaderboard would refuse: groups without exactly five rows of five seeds."""
    seeds: dict[tuple[str, str, str, str], list[int]] = {}
    for row in rows:
        if _counts(row, benchmark):
            seeds.setdefault((row.submission, row.backbone, row.tuning, row.dataset), []).append(row.seed)
    return tuple(
        f"{backbone} ({tuning}) on {dataset}: {len(found)} rows, {len(set(found))} seeds"
        for (_, backbone, tuning, dataset), found in seeds.items()
        if not len(found) == len(set(found)) == SEEDS
    )
