"""Samples and what they say of a map, as text for people."""

from __future__ import annotations

import math

from geoseg.learn.evaluate.map_accuracy import AreaReport
from geoseg.learn.evaluate.sample_drawing import Drawn
from geoseg.methods.area_estimate import Estimate

from .console import columns
from .show import area_text as size_text


def strata_text(drawn: Drawn) -> str:
    """Lay out what was drawn."""
    rows: list[tuple[str, ...]] = [("class", "pixels", "area", "points")]
    for item in drawn.strata:
        own = item.stratum
        area = "" if own.area_m2 is None else size_text(own.area_m2)
        rows.append((f"{own.label} ({own.value})", f"{own.pixels:,}", area, f"{item.drawn:,}"))
    return columns(rows, right=(1, 2, 3))


def area_text(report: AreaReport) -> str:
    """Lay out counts, areas and accuracies as two tables."""
    found = report.estimate
    names = [f"{item.label} ({item.value})" for item in report.classes]
    numbers = tuple(range(1, len(names) + 2))
    head = ("map \\ reference", *(str(item.value) for item in report.classes), "points")
    matrix: list[tuple[str, ...]] = [head]
    for name, own in zip(names, report.counts.tolist(), strict=True):
        matrix.append((name, *(f"{number:,}" for number in own), f"{sum(own):,}"))
    scale, unit = _unit(report)
    table: list[tuple[str, ...]] = [
        ("class", f"mapped {unit}", f"adjusted {unit}", "user's accuracy", "producer's accuracy")
    ]
    for index, (name, item) in enumerate(zip(names, report.classes, strict=True)):
        area = _told(found.area, index, scale, ",.2f" if report.located else ",.0f")
        accuracies = (_told(found.users, index, 1, ".3f"), _told(found.producers, index, 1, ".3f"))
        mapped = f"{item.size / scale:,.2f}" if report.located else f"{item.size:,.0f}"
        table.append((name, mapped, area, *accuracies))
    overall = _told(found.overall, (), 1, ".3f")
    left = sum(report.left_out.values())
    facts = f"overall accuracy {overall}; {report.counts.sum():,} points used, {left:,} left out"
    return "\n\n".join(
        [columns(matrix, right=numbers), columns(table, right=(1, 2, 3, 4)), f"  {facts}; ± is 95 %"]
    )


def _unit(report: AreaReport) -> tuple[float, str]:
    """Return the unit in which a map's areas read well, as a number of the report's, and its name."""
    if not report.located:
        return 1.0, "pixels"
    whole = sum(item.size for item in report.classes)
    return (1e6, "km²") if whole >= 1e8 else (1e4, "ha") if whole >= 1e5 else (1.0, "m²")


def _told(numbers: Estimate, index: int | tuple[()], scale: float, form: str) -> str:
    """Say a number with its 95 % interval; a dash for what is not known."""
    value, half = float(numbers.value[index]) / scale, float(numbers.half_width[index]) / scale
    if math.isnan(value):
        return "–"
    return f"{value:{form}} ± " + ("–" if math.isnan(half) else f"{half:{form}}")
