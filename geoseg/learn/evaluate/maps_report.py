"""An evaluation as JSON, as CSV (a row a scene) and as one page of HTML with pictures."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from pydantic import JsonValue

import geoseg
from geoseg.learn.evaluate.maps import Verdict
from geoseg.learn.evaluate.pictures import as_data_uri, panels
from geoseg.learn.evaluate.protocol import Result
from geoseg.learn.evaluate.score_calibration import calibration_error, curve
from geoseg.learn.train.training_spec import TrainSpec
from geoseg.methods.accuracy import accuracy, class_scores, interval, main_score, mean_iou
from geoseg.outputs import write_report
from geoseg.outputs.chart import Line, line_chart

SHOWN = 4
"""Scenes in each row of pictures: the worst, and the middling."""

PAGE, SCORES, CHIPS = "report.html", "scores.json", "chips.csv"

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; color: #212529 }
table { border-collapse: collapse; margin: 1rem 0 } th, td { padding: .25rem .7rem; text-align: right }
th { border-bottom: 1px solid #adb5bd } td:first-child, th:first-child { text-align: left }
figure { margin: 1rem 0 } img { image-rendering: pixelated; max-width: 100% }
.charts { display: flex; flex-wrap: wrap }
"""


def as_json(results: Sequence[Result], spec: TrainSpec, protocol: str) -> dict[str, JsonValue]:
    """Return all numbers; NaN, of nothing, is null."""
    return {
        "geoseg": geoseg.__version__,
        "config": spec.name,
        "protocol": protocol,
        "main_score": main_name(spec),
        "results": [_result(result, spec, results) for result in results],
    }


def main_name(spec: TrainSpec) -> str:
    """What the one number is."""
    return f"IoU of {spec.classes[1].label}" if len(spec.classes) == 2 else "mean IoU"


def _number(value: float) -> JsonValue:
    return None if math.isnan(value) else round(value, 5)


def _pair(pair: tuple[float, float]) -> list[JsonValue]:
    return [_number(pair[0]), _number(pair[1])]


def _result(result: Result, spec: TrainSpec, others: Sequence[Result]) -> dict[str, JsonValue]:
    counts, chips = result.counts, [verdict.counts for verdict in result.verdicts]
    classes: list[JsonValue] = [
        {
            "class": entry.label,
            "iou": _number(score.iou),
            "f1": _number(score.f1),
            "precision": _number(score.precision),
            "recall": _number(score.recall),
            "pixels": score.support,
        }
        for entry, score in zip(spec.classes, class_scores(counts), strict=True)
    ]
    per_chip = result.per_chip or [float("nan")]
    first = others[0]
    gain: list[JsonValue] | None = None
    if result is not first and len(first.verdicts) == len(result.verdicts):
        gain = _pair(interval([verdict.counts for verdict in first.verdicts], against=chips))
    parts: dict[str, JsonValue] = {
        name: {
            "chips": len(own),
            "score": _number(main_score(np.sum([chips[index] for index in own], axis=0))),
            "interval": _pair(interval([chips[index] for index in own])),
        }
        for name, own in (result.parts or {}).items()
    }
    return {
        "name": result.subject.name,
        "chips": len(chips),
        "score": _number(result.score),
        "interval": _pair(result.interval),
        "first_is_better_by": gain,
        "mean_iou": _number(mean_iou(counts)),
        "accuracy": _number(accuracy(counts)),
        "classes": classes,
        "confusion": [[int(value) for value in row] for row in counts],
        "per_chip": {
            name: _number(float(np.quantile(per_chip, share)))
            for name, share in (("min", 0), ("q25", 0.25), ("median", 0.5), ("q75", 0.75), ("max", 1))
        },
        "calibration_error": _number(result.calibration_error),
        "temperature": result.temperature,
        "reliability": [
            [_number(mean), _number(right), pixels] for mean, right, pixels in curve(result.reliability)
        ],
        "unseen_pixels": sum(verdict.unseen for verdict in result.verdicts),
        "parts": parts,
    }


def as_text(results: Sequence[Result], spec: TrainSpec, protocol: str) -> str:
    """Return the table that the command prints."""
    lines = [
        f"{main_name(spec)}, pixels of all {len(results[0].verdicts)} scenes together ({protocol})",
        "",
        f"  {'':<38} {'score':>6}  {'95 % interval':<14} {'F1':>6} {'prec.':>6} {'recall':>6} "
        f"{'median':>7} {'ECE':>6}",
    ]
    for result in results:
        low, high = result.interval
        second = class_scores(result.counts)[1]
        median = float(np.median(result.per_chip)) if result.per_chip else float("nan")
        span = f"{low:.3f}–{high:.3f}"
        lines.append(
            f"  {result.subject.name[:38]:<38} {result.score:>6.3f}  {span:<14} {second.f1:>6.3f} "
            f"{second.precision:>6.3f} {second.recall:>6.3f} {median:>7.3f} {result.calibration_error:>6.3f}"
        )
        for name, own in (result.parts or {}).items():
            counts = [result.verdicts[index].counts for index in own]
            low, high = interval(counts)
            part = main_score(np.sum(counts, axis=0))
            lines.append(f"    without {name[:28]:<28} {part:>6.3f}  {low:.3f}–{high:.3f}")
    return "\n".join(lines)


def write(results: Sequence[Result], spec: TrainSpec, protocol: str, folder: Path) -> tuple[Path, ...]:
    """Write `report.html`, `scores.json` and `chips.csv`.

    Raises:
        OutputError: the folder cannot be written.
    """
    texts = {
        SCORES: json.dumps(as_json(results, spec, protocol), indent=1),
        CHIPS: _csv(results),
        PAGE: _page(results, spec, protocol),
    }
    return write_report(folder, texts)


def _csv(results: Sequence[Result]) -> str:
    """A row a scene and subject."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["subject", "id", "region", "score", "accuracy", "pixels", "unseen", "calibration_error"])
    for result in results:
        for verdict in result.verdicts:
            writer.writerow(
                [
                    result.subject.name,
                    verdict.sample.id,
                    verdict.sample.region,
                    f"{main_score(verdict.counts):.5f}",
                    f"{accuracy(verdict.counts):.5f}",
                    int(verdict.counts.sum()),
                    verdict.unseen,
                    f"{calibration_error(verdict.reliability):.5f}",
                ]
            )
    return file.getvalue()


def _page(results: Sequence[Result], spec: TrainSpec, protocol: str) -> str:
    """One page that needs nothing else."""
    first = results[0]
    head = (
        "",
        "score",
        "95 % interval",
        "F1",
        "precision",
        "recall",
        "median of scenes",
        "ECE",
        "temperature",
    )
    rows = []
    for result in results:
        second = class_scores(result.counts)[1]
        low, high = result.interval
        median = float(np.median(result.per_chip)) if result.per_chip else float("nan")
        values = (
            result.score,
            None,
            second.f1,
            second.precision,
            second.recall,
            median,
            result.calibration_error,
        )
        cells = [f"{low:.3f}–{high:.3f}" if value is None else f"{value:.3f}" for value in values]
        rows.append([result.subject.name, *cells, f"{result.temperature:.2f}"])
    names = [entry.label for entry in spec.classes]
    confusion = [[name, *(f"{int(v):,}" for v in row)] for name, row in zip(names, first.counts, strict=True)]
    reliable = line_chart(
        [
            Line(name="right as said", points=[(0, 0), (1, 1)]),
            *(
                Line(
                    name=result.subject.name,
                    points=[(mean, right) for mean, right, _ in curve(result.reliability)],
                    marks=True,
                )
                for result in results[:3]
            ),
        ],
        title="Reliability",
        x_label="score of the class given",
        y_label="share that is right",
        x_range=(0, 1),
        y_range=(0, 1),
    )
    spread = line_chart(
        [
            Line(
                name=result.subject.name,
                points=list(
                    zip(np.linspace(0, 1, len(result.per_chip)), sorted(result.per_chip), strict=True)
                ),
            )
            for result in results[:3]
        ],
        title="Scenes, from worst to best",
        x_label="share of scenes",
        y_label=main_name(spec),
        y_range=(0, 1),
    )
    return "\n".join(
        [
            "<!doctype html><html lang='en'><meta charset='utf-8'>",
            f"<title>{escape(spec.name)}: evaluation</title><style>{STYLE}</style>",
            f"<h1>{escape(spec.title or spec.name)}</h1>",
            f"<p>{escape(main_name(spec))}, pixels of all {len(first.verdicts)} scenes together; "
            f"{escape(protocol)}. Intervals: 95 %, scenes drawn anew. geoseg {geoseg.__version__}.</p>",
            table(head, rows),
            f"<h2>{escape(first.subject.name)}: confusion (rows: label, columns: map)</h2>",
            table(("", *names), confusion),
            f"<div class='charts'>{reliable}{spread}</div>",
            *_pictures(first, spec),
            "</html>",
        ]
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as HTML."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def _pictures(result: Result, spec: TrainSpec) -> list[str]:
    """Image, label and errors of the worst scenes and of middling ones."""
    scored = [verdict for verdict in result.verdicts if not np.isnan(main_score(verdict.counts))]
    scored.sort(key=lambda verdict: main_score(verdict.counts))
    middle = max(0, len(scored) // 2 - SHOWN // 2)
    groups = {"Worst scenes": scored[:SHOWN], "Middling scenes": scored[middle : middle + SHOWN]}
    parts = ["<p>Image, label, errors: blue is right, orange missed, red wrongly mapped.</p>"]
    for title, own in groups.items():
        parts.append(f"<h2>{title}</h2>")
        parts += [_figure(verdict, spec) for verdict in own]
    return parts


def _figure(verdict: Verdict, spec: TrainSpec) -> str:
    caption = f"{escape(verdict.sample.id)}: {main_score(verdict.counts):.3f}"
    picture = as_data_uri(panels(verdict, spec))
    return f"<figure><img src='{picture}'><figcaption>{caption}</figcaption></figure>"
