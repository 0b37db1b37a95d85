"""Charts of simulated plumes: detection and rate error against rate, detection against noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from geoseg.learn.evaluate.methane import trial_scores as scores
from geoseg.learn.evaluate.methane.trial_runs import Run
from geoseg.learn.evaluate.methane.trial_scores import RateStatistics
from geoseg.outputs.report import Chart, Series

DETECTED = "share detected"


def charts(runs: Sequence[Run]) -> list[Chart]:
    """Return the charts of one kind of ground, with or without points."""
    rows = [row for row in scores.rows(runs) if row.rate_t_h]
    return [
        _against_rate(rows, "Source unknown", DETECTED, lambda row: row.plume.value, y_range=(0, 1)),
        _against_rate(rows, "Source given", DETECTED, lambda row: row.targeted.value, y_range=(0, 1)),
        _against_rate(
            rows,
            "Source rates of detected plumes",
            "mapped / true − 1, median",
            lambda row: row.errors.quartiles[1],
        ),
        *(_against_noise(runs, method) for method in dict.fromkeys(run.method for run in runs)),
    ]


def _against_rate(
    rows: Sequence[RateStatistics],
    title: str,
    label: str,
    number: Callable[[RateStatistics], float],
    *,
    y_range: tuple[float, float] | None = None,
) -> Chart:
    """Return a chart of a number against the source rate, with a line for each method and wind."""
    several_winds = len({row.wind_m_s for row in rows}) > 1
    lines: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        name = f"{row.method}, {row.wind_m_s:g} m/s" if several_winds else row.method
        lines.setdefault(name, []).append((row.rate_t_h, number(row)))
    return Chart(
        title=title,
        x_label="source rate in t/h, logarithmic",
        y_label=label,
        series=[Series(name=name, points=points, markers=True) for name, points in lines.items()],
        y_range=y_range,
        log_x=True,
    )


def _against_noise(runs: Sequence[Run], method: str) -> Chart:
    """Return a chart of detection against the noise around the source, with a line for each rate."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for item in scores.thirds(runs):
        if item.method == method:
            lines.setdefault(f"{item.rate_t_h:g} t/h", []).append((item.noise_ppm_m, item.plume.value))
    return Chart(
        title=f"{method}: noise of the ground",
        x_label="noise around the source in ppm·m",
        y_label=DETECTED,
        series=[Series(name=name, points=points, markers=True) for name, points in lines.items()],
        y_range=(0, 1),
    )
