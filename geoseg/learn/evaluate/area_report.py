"""The report of accuracy and area of a map, estimated from a reference sample."""

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
    """Find out before any work whether the files can be written to a folder, which need not exist.

    Raises:
        OutputError: they cannot, or exist without `overwrite`.
    """
    if folder.exists():
        targets = [folder / name for name in (PAGE, JSON, CLASSES, MATRIX)]
        check_writable(targets, overwrite, inputs=inputs)


def report_of(found: AreaReport) -> Report:
    """Report the error matrix, areas and accuracies of a map."""
    overall = _with_interval(found.estimate.overall, (), 1, ".3f")
    left_out = sum(found.left_out.values())
    classes = _class_rows(found)
    names = [f"{item.value} {item.label}" for item in found.classes]
    counts = found.counts.tolist()
    return Report(
        title="Accuracy and area of a map",
        summary=(
            f"overall accuracy {overall}; {found.counts.sum():,} points used, {left_out:,} left out; "
            "± is 95 %"
        ),
        facts={"map": found.map, "reference sample": found.sample},
        warnings=tuple(item.text for item in found.warnings),
        sections=[Section(tables=[_matrix(found), _areas(found)])],
        json_name=JSON,
        data={
            "geoseg": geoseg.__version__,
            "map": found.map,
            "sample": found.sample,
            "points": int(found.counts.sum()),
            "left_out": dict(found.left_out),
            "drawn_from_this_map": found.drawn_here,
            "confidence": 0.95,
            "overall": json_value(_numbers(found.estimate.overall, (), 1.0, "accuracy"), None),
            "classes": json_value(classes, None),
            "matrix": counts,
            "warnings": [item.model_dump() for item in found.warnings],
        },
        csv={
            CLASSES: Table(columns=columns(*classes[0]), rows=[tuple(row.values()) for row in classes]),
            MATRIX: Table(
                columns=columns("map", *names),
                rows=[(name, *own) for name, own in zip(names, counts, strict=True)],
            ),
        },
    )


def _class_rows(found: AreaReport) -> list[dict[str, float | str | None]]:
    """Return the numbers of every class; None where one is not known."""
    own, unit = found.estimate, "m2" if found.located else "px"
    whole = sum(item.size for item in found.classes)
    return [
        {
            "class": item.value,
            "label": item.label,
            "pixels": item.pixels,
            f"mapped_{unit}": item.size,
            **_numbers(own.area, index, whole, f"adjusted_{unit}", end=f"_{unit}"),
            **_numbers(own.users, index, 1.0, "accuracy", start="users_"),
            **_numbers(own.producers, index, 1.0, "accuracy", start="producers_"),
            "map_points": int(found.counts[index].sum()),
            "reference_points": int(found.counts[:, index].sum()),
        }
        for index, item in enumerate(found.classes)
    ]


def _numbers(
    numbers: Estimate, index: int | tuple[()], most: float, name: str, *, start: str = "", end: str = ""
) -> dict[str, float | None]:
    """Return an estimate under its name, its standard error, and its interval, bounded to 0..most."""
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


def _matrix(found: AreaReport) -> Table:
    heads = ["map \\ reference", *(str(item.value) for item in found.classes), "points"]
    return Table(
        title="Error matrix, points",
        columns=[Column(head, form=",") for head in heads],
        rows=[(name, *own, sum(own)) for name, own in zip(_names(found), found.counts.tolist(), strict=True)],
    )


def _areas(found: AreaReport) -> Table:
    (scale, unit), form = _unit(found), ",.2f" if found.located else ",.0f"
    own = found.estimate
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
                _with_interval(own.area, index, scale, form),
                _with_interval(own.users, index, 1, ".3f"),
                _with_interval(own.producers, index, 1, ".3f"),
            )
            for index, (name, item) in enumerate(zip(_names(found), found.classes, strict=True))
        ],
    )


def _names(found: AreaReport) -> list[str]:
    return [f"{item.label} ({item.value})" for item in found.classes]


def _unit(found: AreaReport) -> tuple[float, str]:
    """Return the unit in which the areas read well, as a multiple of the report's, and its name."""
    if not found.located:
        return 1.0, "pixels"
    whole = sum(item.size for item in found.classes)
    return (1e6, "km²") if whole >= 1e8 else (1e4, "ha") if whole >= 1e5 else (1.0, "m²")


def _with_interval(numbers: Estimate, index: int | tuple[()], scale: float, form: str) -> str:
    """Format a number with the half width of its 95 % interval; a dash for what is not known."""
    value, half = float(numbers.value[index]) / scale, float(numbers.half_width[index]) / scale
    if math.isnan(value):
        return UNKNOWN
    return f"{value:{form}} ± " + (UNKNOWN if math.isnan(half) else f"{half:{form}}")
