"""Report of an evaluation on a labelled set: scores of models and methods, charts, and scenes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import JsonValue

import geoseg
from geoseg.learn.evaluate.error_pictures import as_png, panels
from geoseg.learn.evaluate.protocol import SubjectAccuracy
from geoseg.learn.evaluate.scene_maps import SceneAccuracy
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
"""Number of scenes in each row of pictures."""
CHARTED = 6
"""Greatest number of models and methods in a chart."""
SCORE_COLUMNS = (
    Column("model or method"),
    Column("score", form=".3f"),
    Column("95 % interval"),
    Column("mean of scenes", form=".3f"),
    Column("dry scenes: false positives", form=".2%"),
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


def report_of(
    results: Sequence[SubjectAccuracy], spec: TrainSpec, protocol: str, *, pictures: bool = True
) -> Report:
    """Return the report of the accuracy of models and methods.

    Args:
        results: at least one; the report shows the first in detail.
        spec: the config of the labelled set.
        protocol: the scenes that were held out, in words.
        pictures: whether to draw scenes, which are then read again.
    """
    first, score = results[0], main_name(spec)
    charts = [_reliability(results), _spread(results, score)]
    sections = [Section(tables=[_scores(results)]), Section(tables=[_confusion(first, spec)], charts=charts)]
    return Report(
        title=spec.title or spec.name,
        summary=f"{score}, pixels of all {len(first.scenes)} scenes together ({protocol})",
        facts={"labelled set": spec.name, "held out": protocol, "intervals": "95 %, scenes resampled"},
        sections=[*sections, *(_scenes(first, spec) if pictures else ())],
        notes=[
            *_worst(results),
            "Score: pixels of all scenes together, so that scenes with much of the class weigh most; the "
            "mean of scenes weighs them equally. Dry scenes have no pixel of the class in their label.",
            "ECE: expected calibration error. Temperature: divisor of the logits that calibrates the scores.",
        ],
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
    """Return the name of the main score."""
    return f"IoU of {spec.classes[1].label}" if len(spec.classes) == 2 else "mean IoU"


def _numbers(result: SubjectAccuracy, first: SubjectAccuracy, spec: TrainSpec) -> JsonValue:
    """Return the numbers of a result, with the difference to the first result."""
    counts = [scene.counts for scene in result.scenes]
    scores = result.scene_scores or [float("nan")]
    gain = None
    if result is not first and len(first.scenes) == len(result.scenes):
        gain = interval([scene.counts for scene in first.scenes], against=counts)
    return json_value(
        {
            "name": result.subject.name,
            "chips": len(counts),
            "score": result.score,
            "interval": result.interval,
            "mean_of_chips": result.mean,
            "false_positives_of_dry_chips": result.dry,
            "worst_part": result.worst_part,
            "first_is_better_by": gain,
            "mean_iou": mean_iou(result.counts),
            "accuracy": accuracy(result.counts),
            "classes": [
                {
                    "class": entry.label,
                    "iou": item.iou,
                    "f1": item.f1,
                    "precision": item.precision,
                    "recall": item.recall,
                    "pixels": item.support,
                }
                for entry, item in zip(spec.classes, class_scores(result.counts), strict=True)
            ],
            "confusion": result.counts.tolist(),
            "per_chip": {
                name: float(np.quantile(scores, share))
                for name, share in (("min", 0), ("q25", 0.25), ("median", 0.5), ("q75", 0.75), ("max", 1))
            },
            "calibration_error": result.calibration_error,
            "temperature": result.temperature,
            "reliability": curve(result.reliability),
            "unseen_pixels": sum(scene.unobserved for scene in result.scenes),
            "parts": {
                name: {
                    "chips": len(part),
                    "score": result.score_of(part),
                    "interval": result.interval_of(part),
                }
                for name, part in (result.parts or {}).items()
            },
        }
    )


def _scores(results: Sequence[SubjectAccuracy]) -> Table:
    """Return a row for each model and method, followed by one for each part of a leave-one-out evaluation."""
    rows: list[list[Cell]] = []
    for result in results:
        second = class_scores(result.counts)[1]
        rows.append(
            [
                result.subject.name,
                result.score,
                _span(result.interval),
                result.mean,
                None if np.isnan(result.dry) else result.dry,
                second.f1,
                second.precision,
                second.recall,
                float(np.median(result.scene_scores)) if result.scene_scores else None,
                result.calibration_error,
                result.temperature,
            ]
        )
        for name, part in (result.parts or {}).items():
            score, span = result.score_of(part), _span(result.interval_of(part))
            rows.append([f"  without {name}", score, span, *[""] * (len(SCORE_COLUMNS) - 3)])
    return Table(columns=SCORE_COLUMNS, rows=rows)


def _worst(results: Sequence[SubjectAccuracy]) -> list[str]:
    """Return the worst part of each leave-one-out evaluation, in words."""
    found = ((result.subject.name, result.worst_part) for result in results)
    return [f"Worst part of {name}: {worst[0]}, {worst[1]:.3f}." for name, worst in found if worst]


def _span(interval: tuple[float, float]) -> str:
    return f"{interval[0]:.3f}–{interval[1]:.3f}"


def _confusion(result: SubjectAccuracy, spec: TrainSpec) -> Table:
    names = [entry.label for entry in spec.classes]
    return Table(
        title=f"{result.subject.name}: error matrix, pixels",
        columns=[Column("label \\ map"), *(Column(name, form=",") for name in names)],
        rows=[[name, *counts] for name, counts in zip(names, result.counts.tolist(), strict=True)],
    )


def _chips(results: Sequence[SubjectAccuracy]) -> Table:
    """Return a row for each scene of each model and method."""
    rows: list[list[Cell]] = [
        [
            result.subject.name,
            scene.sample.id,
            scene.sample.region,
            f"{main_score(scene.counts):.5f}",
            f"{accuracy(scene.counts):.5f}",
            int(scene.counts.sum()),
            scene.unobserved,
            f"{calibration_error(scene.reliability):.5f}",
        ]
        for result in results
        for scene in result.scenes
    ]
    return Table(columns=CHIP_COLUMNS, rows=rows)


def _title(title: str, results: Sequence[SubjectAccuracy]) -> str:
    """Return the title of a chart; it says where the chart shows only the first models and methods."""
    return title if len(results) <= CHARTED else f"{title} (the first {CHARTED} of {len(results)})"


def _reliability(results: Sequence[SubjectAccuracy]) -> Chart:
    lines = [
        Series(
            name=result.subject.name,
            points=[(mean, correct) for mean, correct, _ in curve(result.reliability)],
            markers=True,
        )
        for result in results[:CHARTED]
    ]
    return Chart(
        title=_title("Reliability", results),
        x_label="mean score of the mapped class",
        y_label="share of correct pixels",
        series=[Series(name="perfect calibration", points=[(0, 0), (1, 1)], guide=True), *lines],
        x_range=(0, 1),
        y_range=(0, 1),
    )


def _spread(results: Sequence[SubjectAccuracy], score: str) -> Chart:
    lines = []
    for result in results[:CHARTED]:
        ranks = np.linspace(0, 1, len(result.scene_scores)).tolist()
        points = list(zip(ranks, sorted(result.scene_scores), strict=True))
        lines.append(Series(name=result.subject.name, points=points))
    return Chart(
        title=_title("Scenes, from worst to best", results),
        x_label="share of scenes",
        y_label=score,
        series=lines,
        x_range=(0, 1),
        y_range=(0, 1),
    )


def _scenes(result: SubjectAccuracy, spec: TrainSpec) -> list[Section]:
    """Return pictures of image, label and errors, for the worst scenes and those around the median."""
    scored = [scene for scene in result.scenes if not np.isnan(main_score(scene.counts))]
    scored.sort(key=lambda scene: main_score(scene.counts))
    middle = max(0, len(scored) // 2 - SHOWN // 2)
    groups = {"Worst scenes": scored[:SHOWN], "Median scenes": scored[middle : middle + SHOWN]}
    return [
        Section(
            title=title,
            text="Image, label, errors: correct pixels are blue, omission errors orange, commission errors "
            "red.",
            pictures=[_picture(scene, spec) for scene in scenes],
        )
        for title, scenes in groups.items()
    ]


def _picture(scene: SceneAccuracy, spec: TrainSpec) -> Picture:
    caption = f"{scene.sample.id}: {main_score(scene.counts):.3f}"
    return Picture(png=as_png(panels(scene, spec)), caption=caption)
