"""Charts of simulated plumes: detection and rate error against rate, detection against noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from geoseg.learn.evaluate.methane import trial_scores as scores
from geoseg.learn.evaluate.methane.trial_runs import Run
from geoseg.learn.evaluate.methane.trial_scores import Row
from geoseg.outputs.report import Chart, Series

FOUND = "share found"


def charts(runs: Sequence[Run]) -> list[Chart]:
    """Return the charts of one kind of ground; a chart may have no points."""
    rows = [row for row in scores.rows(runs) if row.rate_t_h]
    return [
        _against_rate(rows, "Source unknown", FOUND, lambda row: row.plume.value, y_range=(0, 1)),
        _against_rate(rows, "Source given", FOUND, lambda row: row.targeted.value, y_range=(0, 1)),
        _against_rate(
            rows, "Rates of plumes found", "mapped / true − 1, median", lambda row: row.errors.quartiles[1]
        ),
        *(_against_noise(runs, method) for method in dict.fromkeys(run.method for run in runs)),
    ]


def _against_rate(
    rows: Sequence[Row],
    title: str,
    label: str,
    number: Callable[[Row], float],
    *,
    y_range: tuple[float, float] | None = None,
) -> Chart:
    """Draw a number against the rate: a line for each method and wind."""
    several_winds = len({row.wind_m_s for row in rows}) > 1
    lines: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        name = f"{row.method}, {row.wind_m_s:g} m/s" if several_winds else row.method
        lines.setdefault(name, []).append((row.rate_t_h, number(row)))
    return Chart(
        title=title,
        x_label="rate in t/h, logarithmic",
        y_label=label,
        series=[Series(name=name, points=points, markers=True) for name, points in lines.items()],
        y_range=y_range,
        log_x=True,
    )


def _against_noise(runs: Sequence[Run], method: str) -> Chart:
    """Draw detection against the noise around the source: a line for each rate."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for item in scores.thirds(runs):
        if item.method == method:
            lines.setdefault(f"{item.rate_t_h:g} t/h", []).append((item.noise_ppm_m, item.plume.value))
    return Chart(
        title=f"{method}: noise of the ground",
        x_label="noise around the source in ppm·m",
        y_label=FOUND,
        series=[Series(name=name, points=points, markers=True) for name, points in lines.items()],
        y_range=(0, 1),
    )
