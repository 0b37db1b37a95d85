"""Rankings of sites as JSON, as CSV (a row a site) and as one page of HTML."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

import geoseg
from geoseg.learn.evaluate.maps_report import PAGE, SCORES, STYLE, table
from geoseg.learn.evaluate.site_ranking import Ranking
from geoseg.learn.samples.labelled_sites import Site
from geoseg.learn.train.scene_spec import SceneTrainSpec
from geoseg.outputs import write_report
from geoseg.outputs.chart import Line, line_chart

SITES = "sites.csv"
MEAN = "mean over the classes"


def as_json(rankings: Sequence[Ranking], spec: SceneTrainSpec, protocol: str) -> dict[str, JsonValue]:
    """Return all numbers; NaN, of nothing, is null."""
    published: JsonValue = None
    if spec.published is not None:
        published = {
            "not_ours": f"published by others, on {spec.published.what}",
            "citation": spec.published.citation,
            "average_precision": dict(spec.published.average_precision),
        }
    return {
        "geoseg": geoseg.__version__,
        "config": spec.name,
        "protocol": protocol,
        "main_score": "mean average precision",
        "results": [_ranking(item, spec) for item in rankings],
        "published": published,
    }


def _ranking(item: Ranking, spec: SceneTrainSpec) -> dict[str, JsonValue]:
    classes: list[JsonValue] = [
        {
            "class": entry.label,
            "average_precision": _number(value),
            "interval": _pair(span),
            "positives": count,
            "prevalence": _number(count / len(item.truth)),
        }
        for entry, value, span, count in zip(
            spec.classes, item.average_precision, item.intervals.classes, item.positives, strict=True
        )
    ]
    return {
        "name": item.name,
        "sites": len(item.truth),
        "score": _number(item.macro),
        "interval": _pair(item.intervals.macro),
        "classes": classes,
    }


def _number(value: float) -> JsonValue:
    return None if math.isnan(value) else round(value, 5)


def _pair(pair: tuple[float, float]) -> list[JsonValue]:
    return [_number(pair[0]), _number(pair[1])]


def as_text(rankings: Sequence[Ranking], spec: SceneTrainSpec, protocol: str) -> str:
    """Return the table that the command prints."""
    head, rows = _rows(rankings, spec)
    widths = [max(len(row[index]) for row in (head, *rows)) for index in range(len(head))]
    lines = [f"average precision over {len(rankings[0].truth)} sites ({protocol}), 95 % intervals", ""]
    for row in (head, *rows):
        cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
        lines.append(("  " + "  ".join(cells)).rstrip())
    return "\n".join([*lines, *_published_note(spec)])


def _rows(rankings: Sequence[Ranking], spec: SceneTrainSpec) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table: a row a class, a column a classifier, published numbers last."""
    others = spec.published.average_precision if spec.published else {}
    head = ["", "positives", *(item.name for item in rankings), *(["published*"] if others else [])]
    rows = []
    for index, entry in enumerate(spec.classes):
        cells = [
            _with_interval(item.average_precision[index], item.intervals.classes[index]) for item in rankings
        ]
        row = [entry.label, str(rankings[0].positives[index]), *cells]
        rows.append([*row, *([_three(others.get(entry.label))] if others else [])])
    means = [_with_interval(item.macro, item.intervals.macro) for item in rankings]
    rows.append([MEAN, "", *means, *([""] if others else [])])
    return head, rows


def _published_note(spec: SceneTrainSpec) -> list[str]:
    """Whose the published numbers are."""
    if spec.published is None:
        return []
    return ["", f"* not ours: published for {spec.published.what} ({spec.published.citation})"]


def _three(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _with_interval(value: float, span: tuple[float, float]) -> str:
    return "none" if math.isnan(value) else f"{value:.3f} ({span[0]:.3f}–{span[1]:.3f})"


def write(
    rankings: Sequence[Ranking], sites: Sequence[Site], spec: SceneTrainSpec, protocol: str, folder: Path
) -> tuple[Path, ...]:
    """Write the reports and return their paths.

    Raises:
        OutputError: they cannot be written.
    """
    texts = {
        PAGE: _page(rankings, spec, protocol),
        SCORES: json.dumps(as_json(rankings, spec, protocol), indent=2) + "\n",
        SITES: _csv(rankings, sites, spec),
    }
    return write_report(folder, texts)


def _csv(rankings: Sequence[Ranking], sites: Sequence[Site], spec: SceneTrainSpec) -> str:
    """A row a site and classifier: what stands there, and the scores."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    labels = [entry.label for entry in spec.classes]
    writer.writerow(["subject", "id", "split", *labels, *(f"score: {label}" for label in labels)])
    for item in rankings:
        for site, truth, scores in zip(sites, item.truth, item.scores, strict=True):
            numbers = [*(int(value) for value in truth), *(f"{value:.6f}" for value in scores)]
            writer.writerow([item.name, site.id, site.role, *numbers])
    return file.getvalue()


def _page(rankings: Sequence[Ranking], spec: SceneTrainSpec, protocol: str) -> str:
    """One page that needs nothing else."""
    head, rows = _rows(rankings, spec)
    charts = [_curves(rankings, index, entry.label) for index, entry in enumerate(spec.classes)]
    return "\n".join(
        [
            "<!doctype html><html lang='en'><meta charset='utf-8'>",
            f"<title>{escape(spec.name)}: evaluation</title><style>{STYLE}</style>",
            f"<h1>{escape(spec.title or spec.name)}</h1>",
            f"<p>Average precision over {len(rankings[0].truth)} sites; {escape(protocol)}. Intervals: 95 %, "
            f"sites drawn anew. geoseg {geoseg.__version__}.</p>",
            table(head, rows),
            *(f"<p>{escape(line)}</p>" for line in _published_note(spec) if line),
            f"<div class='charts'>{''.join(charts)}</div>",
            "</html>",
        ]
    )


def _curves(rankings: Sequence[Ranking], index: int, label: str) -> str:
    """Precision over recall of one class."""
    lines = []
    for item in rankings:
        truth, scores = item.truth[:, index], item.scores[:, index]
        if truth.any():
            lines.append(Line(name=item.name, points=_curve(truth, scores), marks=len(truth) < 60))
    if not lines:
        return ""
    return line_chart(
        lines, title=label, x_label="recall", y_label="precision", x_range=(0, 1), y_range=(0, 1)
    )


def _curve(truth: NDArray[np.bool_], scores: NDArray[np.float32]) -> list[tuple[float, float]]:
    """Recall and precision from the greatest score down."""
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(truth[order])
    recall, precision = right / right[-1], right / np.arange(1, len(truth) + 1)
    return list(zip(recall.tolist(), precision.tolist(), strict=True))
