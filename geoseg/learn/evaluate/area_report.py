"""Report of accuracy and area of a map, estimated from a reference sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import geoseg
from geoseg.files.output_files import check_writable
from geoseg.learn.evaluate.map_accuracy import AreaReport
from geoseg.methods.area_estimate import Z95, Estimate
from geoseg.outputs.report import PAGE, UNKNOWN, Column, Report, Section, Table, columns, json_value

JSON, CLASSES, MATRIX = "area.json", "area.csv", "matrix.csv"


def check_folder(folder: Path, inputs: Sequence[Path], *, overwrite: bool) -> None:
    """Check before the computation that the files can be written to a folder.

    Raises:
        OutputError: a file cannot be written, or exists without `overwrite`.
    """
    if folder.exists():
        targets = [folder / name for name in (PAGE, JSON, CLASSES, MATRIX)]
        check_writable(targets, overwrite, inputs=inputs)


def report_of(accuracy: AreaReport) -> Report:
    """Return the report with error matrix, areas and accuracies of a map."""
    overall = _with_interval(accuracy.estimate.overall, (), 1, ".3f")
    left_out = sum(accuracy.left_out.values())
    classes = _class_rows(accuracy)
    names = [f"{item.value} {item.label}" for item in accuracy.classes]
    counts = accuracy.counts.tolist()
    return Report(
        title="Accuracy and area of a map",
        summary=(
            f"overall accuracy {overall}; {accuracy.counts.sum():,} points used, {left_out:,} not used; "
            "± is the 95 % confidence interval"
        ),
        facts={"map": accuracy.map, "reference sample": accuracy.sample},
        warnings=tuple(item.text for item in accuracy.warnings),
        sections=[Section(tables=[_matrix(accuracy), _areas(accuracy)])],
        json_name=JSON,
        data={
            "geoseg": geoseg.__version__,
            "map": accuracy.map,
            "sample": accuracy.sample,
            "points": int(accuracy.counts.sum()),
            "left_out": dict(accuracy.left_out),
            "drawn_from_this_map": accuracy.drawn_from_map,
            "confidence": 0.95,
            "overall": json_value(_numbers(accuracy.estimate.overall, (), 1.0, "accuracy"), None),
            "classes": json_value(classes, None),
            "matrix": counts,
            "warnings": [item.model_dump() for item in accuracy.warnings],
        },
        csv={
            CLASSES: Table(columns=columns(*classes[0]), rows=[tuple(row.values()) for row in classes]),
            MATRIX: Table(
                columns=columns("map", *names),
                rows=[(name, *points) for name, points in zip(names, counts, strict=True)],
            ),
        },
    )


def _class_rows(accuracy: AreaReport) -> list[dict[str, float | str | None]]:
    """Return the numbers of every class; None where a number is unknown."""
    estimate, unit = accuracy.estimate, "m2" if accuracy.georeferenced else "px"
    total = sum(item.size for item in accuracy.classes)
    return [
        {
            "class": item.value,
            "label": item.label,
            "pixels": item.pixels,
            f"mapped_{unit}": item.size,
            **_numbers(estimate.area, index, total, f"adjusted_{unit}", end=f"_{unit}"),
            **_numbers(estimate.users, index, 1.0, "accuracy", start="users_"),
            **_numbers(estimate.producers, index, 1.0, "accuracy", start="producers_"),
            "map_points": int(accuracy.counts[index].sum()),
            "reference_points": int(accuracy.counts[:, index].sum()),
        }
        for index, item in enumerate(accuracy.classes)
    ]


def _numbers(
    numbers: Estimate, index: int | tuple[()], most: float, name: str, *, start: str = "", end: str = ""
) -> dict[str, float | None]:
    """Return an estimate, its standard error, and its confidence interval within 0..most."""
    value, se = float(numbers.value[index]), float(numbers.se[index])
    half = Z95 * se
    spread = {"se": se, "ci95": half, "low": max(0.0, value - half), "high": min(most, value + half)}
    return {
        f"{start}{name}": value if math.isfinite(value) else None,
        **{
            f"{start}{key}{end}": number if math.isfinite(half) and math.isfinite(number) else None
            for key, number in spread.items()
        },
    }


def _matrix(accuracy: AreaReport) -> Table:
    heads = ["map \\ reference", *(str(item.value) for item in accuracy.classes), "points"]
    return Table(
        title="Error matrix, points",
        columns=[Column(head, form=",") for head in heads],
        rows=[
            (name, *points, sum(points))
            for name, points in zip(_names(accuracy), accuracy.counts.tolist(), strict=True)
        ],
    )


def _areas(accuracy: AreaReport) -> Table:
    (scale, unit), form = _unit(accuracy), ",.2f" if accuracy.georeferenced else ",.0f"
    estimate = accuracy.estimate
    return Table(
        title="Area and accuracy of each class",
        columns=[
            Column("class"),
            Column("mapped", unit=unit, form=form),
            Column("adjusted", unit=unit),
            *columns("user's accuracy", "producer's accuracy"),
        ],
        rows=[
            (
                name,
                item.size / scale,
                _with_interval(estimate.area, index, scale, form),
                _with_interval(estimate.users, index, 1, ".3f"),
                _with_interval(estimate.producers, index, 1, ".3f"),
            )
            for index, (name, item) in enumerate(zip(_names(accuracy), accuracy.classes, strict=True))
        ],
    )


def _names(accuracy: AreaReport) -> list[str]:
    return [f"{item.label} ({item.value})" for item in accuracy.classes]


def _unit(accuracy: AreaReport) -> tuple[float, str]:
    """Return a unit of area that suits the size of the map: its size in the report's unit, and its name."""
    if not accuracy.georeferenced:
        return 1.0, "pixels"
    total = sum(item.size for item in accuracy.classes)
    return (1e6, "km²") if total >= 1e8 else (1e4, "ha") if total >= 1e5 else (1.0, "m²")


def _with_interval(numbers: Estimate, index: int | tuple[()], scale: float, form: str) -> str:
    """Format a number with the half width of its 95 % confidence interval; a dash where it is unknown."""
    value, half = float(numbers.value[index]) / scale, float(numbers.half_width[index]) / scale
    if math.isnan(value):
        return UNKNOWN
    return f"{value:{form}} ± " + (UNKNOWN if math.isnan(half) else f"{half:{form}}")
