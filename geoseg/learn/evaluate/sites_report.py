"""The report of scene classifiers: average precision over sites."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

import geoseg
from geoseg.learn.evaluate.site_ranking import Ranking
from geoseg.learn.samples.labelled_sites import Site
from geoseg.learn.train.scene_spec import SceneTrainSpec
from geoseg.outputs.report import Cell, Chart, Column, Report, Section, Series, Table, columns, json_value

MEAN = "mean over the classes"
MARKED = 60
"""Sites up to which each is a marker on the curves."""


def report_of(
    rankings: Sequence[Ranking], sites: Sequence[Site], spec: SceneTrainSpec, protocol: str
) -> Report:
    """Report how well classifiers rank sites.

    Args:
        rankings: at least one.
        sites: that they ranked, in the order of their scores.
        spec: of the labelled sites.
        protocol: which sites were held out.
    """
    published, citation = None, []
    if spec.published is not None:
        published = {
            "not_ours": f"published by others, on {spec.published.what}",
            "citation": spec.published.citation,
            "average_precision": spec.published.average_precision,
        }
        citation = [f"* not ours: published for {spec.published.what} ({spec.published.citation})"]
    charts = [_precision_recall(rankings, index, entry.label) for index, entry in enumerate(spec.classes)]
    return Report(
        title=spec.title or spec.name,
        summary=f"average precision over {len(sites)} sites ({protocol}), 95 % intervals",
        facts={"labelled sites": spec.name, "held out": protocol, "intervals": "95 %, sites resampled"},
        sections=[Section(tables=[_table(rankings, spec)], charts=charts)],
        notes=citation,
        data={
            "geoseg": geoseg.__version__,
            "config": spec.name,
            "protocol": protocol,
            "main_score": "mean average precision",
            "results": [_numbers(item, spec) for item in rankings],
            "published": json_value(published, None),
        },
        csv={"sites.csv": _scores(rankings, sites, spec)},
    )


def _numbers(item: Ranking, spec: SceneTrainSpec) -> JsonValue:
    own = zip(spec.classes, item.average_precision, item.intervals.classes, item.positives, strict=True)
    return json_value(
        {
            "name": item.name,
            "sites": len(item.truth),
            "score": item.macro,
            "interval": item.intervals.macro,
            "classes": [
                {
                    "class": entry.label,
                    "average_precision": value,
                    "interval": span,
                    "positives": count,
                    "prevalence": count / len(item.truth),
                }
                for entry, value, span, count in own
            ],
        }
    )


def _table(rankings: Sequence[Ranking], spec: SceneTrainSpec) -> Table:
    """Return a row for each class, a column for each classifier; published numbers last."""
    published = spec.published.average_precision if spec.published else {}
    heads = [*columns("class", "positives", *(item.name for item in rankings))]
    rows: list[list[Cell]] = []
    for index, entry in enumerate(spec.classes):
        own = (
            _with_interval(item.average_precision[index], item.intervals.classes[index]) for item in rankings
        )
        rows.append([entry.label, rankings[0].positives[index], *own])
    rows.append([MEAN, "", *(_with_interval(item.macro, item.intervals.macro) for item in rankings)])
    if published:
        heads.append(Column("published*", form=".3f"))
        for row, label in zip(rows, [*(entry.label for entry in spec.classes), MEAN], strict=True):
            row.append(published.get(label, ""))
    return Table(columns=heads, rows=rows)


def _with_interval(value: float, span: tuple[float, float]) -> str:
    return "none" if math.isnan(value) else f"{value:.3f} ({span[0]:.3f}–{span[1]:.3f})"


def _scores(rankings: Sequence[Ranking], sites: Sequence[Site], spec: SceneTrainSpec) -> Table:
    """Return a row for each site and classifier: the classes present, and the scores."""
    labels = [entry.label for entry in spec.classes]
    names = ["subject", "id", "split", *labels, *(f"score: {label}" for label in labels)]
    rows: list[list[Cell]] = []
    for item in rankings:
        for site, truth, scores in zip(sites, item.truth.astype(int).tolist(), item.scores, strict=True):
            rows.append([item.name, site.id, site.role, *truth, *(f"{score:.6f}" for score in scores)])
    return Table(columns=columns(*names), rows=rows)


def _precision_recall(rankings: Sequence[Ranking], index: int, label: str) -> Chart:
    """Draw precision over recall for one class; a classifier without positives has no line."""
    lines = [
        Series(
            name=item.name,
            points=_curve(item.truth[:, index], item.scores[:, index]),
            markers=len(item.truth) < MARKED,
        )
        for item in rankings
        if item.truth[:, index].any()
    ]
    return Chart(
        title=label, x_label="recall", y_label="precision", series=lines, x_range=(0, 1), y_range=(0, 1)
    )


def _curve(truth: NDArray[np.bool_], scores: NDArray[np.float32]) -> list[tuple[float, float]]:
    """Return recall and precision from the greatest score down."""
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(truth[order])
    recall, precision = right / right[-1], right / np.arange(1, len(truth) + 1)
    return list(zip(recall.tolist(), precision.tolist(), strict=True))
