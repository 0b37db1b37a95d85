"""The report of an evaluation on a labelled set: scores of models and methods, charts, the worst scenes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import JsonValue

import geoseg
from geoseg.learn.evaluate.maps import Verdict
from geoseg.learn.evaluate.pictures import as_png, panels
from geoseg.learn.evaluate.protocol import Result
from geoseg.learn.evaluate.score_calibration import calibration_error, curve
from geoseg.learn.train.training_spec import TrainSpec
from geoseg.methods.accuracy import accuracy, class_scores, interval, main_score, mean_iou
from geoseg.outputs.report import (
    Cell,
    Chart,
    Column,
    Picture,
    Report,
    Section,
    Series,
    Table,
    columns,
    json_value,
)

SHOWN = 4
"""Scenes in each row of pictures: the worst, and those around the median."""
CHARTED = 6
"""Models and methods in a chart at most."""
SCORE_COLUMNS = (
    Column("model or method"),
    Column("score", form=".3f"),
    Column("95 % interval"),
    Column("F1", form=".3f"),
    Column("precision", form=".3f"),
    Column("recall", form=".3f"),
    Column("median of scenes", form=".3f"),
    Column("ECE", form=".3f"),
    Column("temperature", form=".2f"),
)
CHIP_COLUMNS = columns(
    "subject", "id", "region", "score", "accuracy", "pixels", "unseen", "calibration_error"
)


def report_of(results: Sequence[Result], spec: TrainSpec, protocol: str, *, pictures: bool = True) -> Report:
    """Compare what models and methods map with the labels.

    Args:
        results: at least one; the first is shown in detail.
        spec: of the labelled set.
        protocol: which scenes were held out.
        pictures: whether scenes are drawn, which reads them again.
    """
    first, score = results[0], main_name(spec)
    charts = [_reliability(results), _spread(results, score)]
    sections = [Section(tables=[_scores(results)]), Section(tables=[_confusion(first, spec)], charts=charts)]
    return Report(
        title=spec.title or spec.name,
        summary=f"{score}, pixels of all {len(first.verdicts)} scenes together ({protocol})",
        facts={"labelled set": spec.name, "held out": protocol, "intervals": "95 %, scenes resampled"},
        sections=[*sections, *(_scenes(first, spec) if pictures else ())],
        notes=["ECE: expected calibration error. Temperature: what logits are to be divided by."],
        data={
            "geoseg": geoseg.__version__,
            "config": spec.name,
            "protocol": protocol,
            "main_score": score,
            "results": [_numbers(result, first, spec) for result in results],
        },
        csv={"chips.csv": _chips(results)},
    )


def main_name(spec: TrainSpec) -> str:
    """Name the main score."""
    return f"IoU of {spec.classes[1].label}" if len(spec.classes) == 2 else "mean IoU"


def _numbers(result: Result, first: Result, spec: TrainSpec) -> JsonValue:
    """Return all numbers of a result; of all but the first also how much better the first is."""
    chips = [verdict.counts for verdict in result.verdicts]
    per_chip = result.per_chip or [float("nan")]
    gain = None
    if result is not first and len(first.verdicts) == len(result.verdicts):
        gain = interval([verdict.counts for verdict in first.verdicts], against=chips)
    return json_value(
        {
            "name": result.subject.name,
            "chips": len(chips),
            "score": result.score,
            "interval": result.interval,
            "first_is_better_by": gain,
            "mean_iou": mean_iou(result.counts),
            "accuracy": accuracy(result.counts),
            "classes": [
                {
                    "class": entry.label,
                    "iou": own.iou,
                    "f1": own.f1,
                    "precision": own.precision,
                    "recall": own.recall,
                    "pixels": own.support,
                }
                for entry, own in zip(spec.classes, class_scores(result.counts), strict=True)
            ],
            "confusion": result.counts.tolist(),
            "per_chip": {
                name: float(np.quantile(per_chip, share))
                for name, share in (("min", 0), ("q25", 0.25), ("median", 0.5), ("q75", 0.75), ("max", 1))
            },
            "calibration_error": result.calibration_error,
            "temperature": result.temperature,
            "reliability": curve(result.reliability),
            "unseen_pixels": sum(verdict.unseen for verdict in result.verdicts),
            "parts": {
                name: {"chips": len(own), "score": result.score_of(own), "interval": result.interval_of(own)}
                for name, own in (result.parts or {}).items()
            },
        }
    )


def _scores(results: Sequence[Result]) -> Table:
    """Return a row for each model and method, followed by one for each part left out."""
    rows: list[list[Cell]] = []
    for result in results:
        second = class_scores(result.counts)[1]
        rows.append(
            [
                result.subject.name,
                result.score,
                _span(result.interval),
                second.f1,
                second.precision,
                second.recall,
                float(np.median(result.per_chip)) if result.per_chip else None,
                result.calibration_error,
                result.temperature,
            ]
        )
        for name, own in (result.parts or {}).items():
            score, span = result.score_of(own), _span(result.interval_of(own))
            rows.append([f"  without {name}", score, span, *[""] * (len(SCORE_COLUMNS) - 3)])
    return Table(columns=SCORE_COLUMNS, rows=rows)


def _span(interval: tuple[float, float]) -> str:
    return f"{interval[0]:.3f}–{interval[1]:.3f}"


def _confusion(result: Result, spec: TrainSpec) -> Table:
    names = [entry.label for entry in spec.classes]
    return Table(
        title=f"{result.subject.name}: confusion matrix, pixels",
        columns=[Column("label \\ map"), *(Column(name, form=",") for name in names)],
        rows=[[name, *counts] for name, counts in zip(names, result.counts.tolist(), strict=True)],
    )


def _chips(results: Sequence[Result]) -> Table:
    """Return a row for each scene of each model and method."""
    rows: list[list[Cell]] = [
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
        for result in results
        for verdict in result.verdicts
    ]
    return Table(columns=CHIP_COLUMNS, rows=rows)


def _reliability(results: Sequence[Result]) -> Chart:
    lines = [
        Series(
            name=result.subject.name,
            points=[(mean, right) for mean, right, _ in curve(result.reliability)],
            markers=True,
        )
        for result in results[:CHARTED]
    ]
    return Chart(
        title="Reliability",
        x_label="mean score of the mapped class",
        y_label="share of pixels that are right",
        series=[Series(name="perfect calibration", points=[(0, 0), (1, 1)], guide=True), *lines],
        x_range=(0, 1),
        y_range=(0, 1),
    )


def _spread(results: Sequence[Result], score: str) -> Chart:
    lines = []
    for result in results[:CHARTED]:
        ranks = np.linspace(0, 1, len(result.per_chip)).tolist()
        points = list(zip(ranks, sorted(result.per_chip), strict=True))
        lines.append(Series(name=result.subject.name, points=points))
    return Chart(
        title="Scenes, from worst to best",
        x_label="share of scenes",
        y_label=score,
        series=lines,
        x_range=(0, 1),
        y_range=(0, 1),
    )


def _scenes(result: Result, spec: TrainSpec) -> list[Section]:
    """Draw image, label and errors of the worst scenes and of those around the median."""
    scored = [verdict for verdict in result.verdicts if not np.isnan(main_score(verdict.counts))]
    scored.sort(key=lambda verdict: main_score(verdict.counts))
    middle = max(0, len(scored) // 2 - SHOWN // 2)
    groups = {"Worst scenes": scored[:SHOWN], "Median scenes": scored[middle : middle + SHOWN]}
    return [
        Section(
            title=title,
            text="Image, label, errors: blue is right, orange is missed, red is mapped wrongly.",
            pictures=[_picture(verdict, spec) for verdict in own],
        )
        for title, own in groups.items()
    ]


def _picture(verdict: Verdict, spec: TrainSpec) -> Picture:
    caption = f"{verdict.sample.id}: {main_score(verdict.counts):.3f}"
    return Picture(png=as_png(panels(verdict, spec)), caption=caption)
