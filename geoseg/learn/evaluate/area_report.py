"""Accuracy and area of a map as JSON and as tables."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue

import geoseg
from geoseg.files.beside import Beside, check_writable
from geoseg.files.disk import writing
from geoseg.learn.evaluate.map_accuracy import AreaReport
from geoseg.methods.area_estimate import Z95, Estimate

FILES = ("area.json", "area.csv", "matrix.csv")


def as_json(report: AreaReport) -> dict[str, JsonValue]:
    """Return everything; null where a number is not known."""
    found, unit = report.estimate, "m2" if report.located else "px"
    classes: list[JsonValue] = []
    whole = sum(item.size for item in report.classes)
    for index, item in enumerate(report.classes):
        classes.append(
            {
                "class": item.value,
                "label": item.label,
                "pixels": item.pixels,
                f"mapped_{unit}": item.size,
                **_numbers(found.area, index, whole, f"adjusted_{unit}", f"_{unit}"),
                **{
                    f"users_{name}": number
                    for name, number in _numbers(found.users, index, 1.0, "accuracy").items()
                },
                **{
                    f"producers_{name}": number
                    for name, number in _numbers(found.producers, index, 1.0, "accuracy").items()
                },
                "map_points": int(report.counts[index].sum()),
                "reference_points": int(report.counts[:, index].sum()),
            }
        )
    return {
        "geoseg": geoseg.__version__,
        "map": report.map,
        "sample": report.sample,
        "points": int(report.counts.sum()),
        "left_out": dict(report.left_out),
        "drawn_from_this_map": report.drawn_here,
        "confidence": 0.95,
        "overall": _numbers(found.overall, (), 1.0, "accuracy"),
        "classes": classes,
        "matrix": report.counts.tolist(),
        "warnings": [item.model_dump() for item in report.warnings],
    }


def _numbers(
    numbers: Estimate, index: int | tuple[()], most: float, name: str, end: str = ""
) -> dict[str, JsonValue]:
    """Return an estimate under its name, its standard error, and its interval, bounded to 0..most."""
    value, se = float(numbers.value[index]), float(numbers.se[index])
    half = Z95 * se
    told = {"se": se, "ci95": half, "low": max(0.0, value - half), "high": min(most, value + half)}
    return {
        name: _known(value),
        **{f"{key}{end}": _known(number) if math.isfinite(half) else None for key, number in told.items()},
    }


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def targets(folder: Path) -> tuple[Path, ...]:
    """Name every file that is written to a folder."""
    return tuple(folder / name for name in FILES)


def check_folder(folder: Path, inputs: Sequence[Path], *, overwrite: bool) -> None:
    """Find out before any work whether the files can be written to a folder, which need not exist.

    Raises:
        OutputError: they cannot, or exist without `overwrite`.
    """
    if folder.exists():
        check_writable(targets(folder), overwrite, inputs=inputs)


def write(report: AreaReport, folder: Path, *, overwrite: bool) -> tuple[Path, ...]:
    """Write `area.json`, `area.csv` (a row a class) and `matrix.csv` (rows map, columns reference).

    Raises:
        OutputError: a file cannot be written; then none is.
    """
    told, own = as_json(report), targets(folder)
    classes = told["classes"]
    rows = [item for item in classes if isinstance(item, dict)] if isinstance(classes, list) else []
    names = [f"{item.value} {item.label}" for item in report.classes]
    matrix: list[Mapping[str, object]] = [
        {"map": name, **dict(zip(names, counts, strict=True))}
        for name, counts in zip(names, report.counts.tolist(), strict=True)
    ]
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with Beside(own, overwrite=overwrite) as beside, writing(folder):
        text = json.dumps(told, indent=2, allow_nan=False)
        beside.path(own[0]).write_text(text + "\n", encoding="utf-8")
        _write_csv(beside.path(own[1]), rows)
        _write_csv(beside.path(own[2]), matrix)
        beside.commit()
    return own


def _write_csv(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
