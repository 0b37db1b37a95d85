"""Report of scene classifiers: average precision over sites."""

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
"""Number of sites below which curves have markers."""


def report_of(
    rankings: Sequence[Ranking], sites: Sequence[Site], spec: SceneTrainSpec, protocol: str
) -> Report:
    """Return the report of how well classifiers rank sites.

    Args:
        rankings: scores of at least one classifier.
        sites: the sites, in the order of the scores.
        spec: the config of the labelled sites.
        protocol: the sites that were held out, in words.
    """
    published, citation = None, []
    if spec.published is not None:
        published = {
            "not_ours": f"published by others, on {spec.published.what}",
            "citation": spec.published.citation,
            "average_precision": spec.published.average_precision,
        }
        citation = [f"* published by others for {spec.published.what} ({spec.published.citation})"]
    charts = [_precision_recall(rankings, index, entry.label) for index, entry in enumerate(spec.classes)]
    return Report(
        title=spec.title or spec.name,
        summary=f"average precision over {len(sites)} sites ({protocol}), 95 % confidence intervals",
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
    classes = zip(spec.classes, item.average_precision, item.intervals.classes, item.positives, strict=True)
    return json_value(
        {
            "name": item.name,
            "sites": len(item.reference),
            "score": item.macro,
            "interval": item.intervals.macro,
            "classes": [
                {
                    "class": entry.label,
                    "average_precision": value,
                    "interval": span,
                    "positives": count,
                    "prevalence": count / len(item.reference),
                }
                for entry, value, span, count in classes
            ],
        }
    )


def _table(rankings: Sequence[Ranking], spec: SceneTrainSpec) -> Table:
    """Return a row for each class and a column for each classifier, with published scores last."""
    published = spec.published.average_precision if spec.published else {}
    heads = [*columns("class", "positives", *(item.name for item in rankings))]
    rows: list[list[Cell]] = []
    for index, entry in enumerate(spec.classes):
        values = (
            _with_interval(item.average_precision[index], item.intervals.classes[index]) for item in rankings
        )
        rows.append([entry.label, rankings[0].positives[index], *values])
    rows.append([MEAN, "", *(_with_interval(item.macro, item.intervals.macro) for item in rankings)])
    if published:
        heads.append(Column("published*", form=".3f"))
        for row, label in zip(rows, [*(entry.label for entry in spec.classes), MEAN], strict=True):
            row.append(published.get(label, ""))
    return Table(columns=heads, rows=rows)


def _with_interval(value: float, span: tuple[float, float]) -> str:
    return "none" if math.isnan(value) else f"{value:.3f} ({span[0]:.3f}–{span[1]:.3f})"


def _scores(rankings: Sequence[Ranking], sites: Sequence[Site], spec: SceneTrainSpec) -> Table:
    """Return a row for each site and classifier with reference classes and scores."""
    labels = [entry.label for entry in spec.classes]
    names = ["subject", "id", "split", *labels, *(f"score: {label}" for label in labels)]
    rows: list[list[Cell]] = []
    for item in rankings:
        for site, reference, scores in zip(
            sites, item.reference.astype(int).tolist(), item.scores, strict=True
        ):
            rows.append([item.name, site.id, site.role, *reference, *(f"{score:.6f}" for score in scores)])
    return Table(columns=columns(*names), rows=rows)


def _precision_recall(rankings: Sequence[Ranking], index: int, label: str) -> Chart:
    """Return the chart of precision over recall of a class; without positives there is no line."""
    lines = [
        Series(
            name=item.name,
            points=_curve(item.reference[:, index], item.scores[:, index]),
            markers=len(item.reference) < MARKED,
        )
        for item in rankings
        if item.reference[:, index].any()
    ]
    return Chart(
        title=label, x_label="recall", y_label="precision", series=lines, x_range=(0, 1), y_range=(0, 1)
    )


def _curve(reference: NDArray[np.bool_], scores: NDArray[np.float32]) -> list[tuple[float, float]]:
    """Return recall and precision in order of decreasing score."""
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(reference[order])
    recall, precision = right / right[-1], right / np.arange(1, len(reference) + 1)
    return list(zip(recall.tolist(), precision.tolist(), strict=True))
