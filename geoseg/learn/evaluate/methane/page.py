"""The page of an evaluation by simulated plumes: plots and tables, nothing else needed to read it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

import geoseg
from geoseg.learn.evaluate.methane import trial_scores as scores
from geoseg.learn.evaluate.methane.evaluation import Evaluation
from geoseg.learn.evaluate.methane.trial_runs import Run
from geoseg.learn.evaluate.methane.trial_scores import Row
from geoseg.outputs.chart import Line, line_chart

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; color: #212529 }
table { border-collapse: collapse; margin: 1rem 0; font-size: 13px }
th, td { padding: .2rem .6rem; text-align: right; white-space: nowrap }
th { border-bottom: 1px solid #adb5bd } td:first-child, th:first-child { text-align: left }
.charts { display: flex; flex-wrap: wrap }
"""


def page(
    found: Evaluation,
    sections: Sequence[tuple[str, Sequence[tuple[str, Sequence[str], Sequence[Sequence[str]]]]]],
    criterion: str,
) -> str:
    """Return the page.

    Args:
        found: the evaluation.
        sections: tables by kind of ground: title, head, rows.
        criterion: when a plume counts as found.
    """
    trial = found.trial
    end = (
        "goes on as its last step does, which is an upper bound of what is seen"
        if trial.extend
        else "stays at its end, which is a lower bound of what is seen"
    )
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'>",
        f"<title>Simulated plumes</title><style>{STYLE}</style>",
        "<h1>Methane search: simulated plumes</h1>",
        "<p>Steady Gaussian plumes of known rate, put into the short-wave infrared bands by the "
        f"transmittances of the satellite's pass-bands; sources on for {trial.age_s / 60:g} minutes. "
        f"Beyond the table of absorption it {end}. "
        f"{escape(criterion)} Intervals: 95 %, as if plumes of one scene were independent. "
        f"geoseg {geoseg.__version__}.</p>",
    ]
    for ground, tables in sections:
        runs = [run for run in found.runs if run.ground == ground]
        parts += [f"<h2>Simulated plumes in {escape(ground)}</h2>", _charts(runs)]
        for title, head, rows in tables:
            if rows:
                parts += [f"<h3>{escape(title[0].upper() + title[1:])}</h3>", _table(head, rows)]
    return "\n".join([*parts, "</html>"])


def _charts(runs: Sequence[Run]) -> str:
    """Detection and error against rate, detection against noise."""
    charts = [
        _against_rate(runs, "Source unknown", "share found", lambda row: row.plume.value, share=True),
        _against_rate(runs, "Source given", "share found", lambda row: row.targeted.value, share=True),
        _against_rate(
            runs, "Plumes found", "mapped / true - 1", lambda row: row.errors.quartiles[1], share=False
        ),
        *(_against_noise(runs, method) for method in dict.fromkeys(run.method for run in runs)),
    ]
    return "<div class='charts'>" + "".join(charts) + "</div>"


def _against_rate(
    runs: Sequence[Run], title: str, label: str, what: Callable[[Row], float], *, share: bool
) -> str:
    """A number against the rate: a line for each method and wind."""
    rows = [row for row in scores.rows(runs) if row.rate_t_h]
    winds = {row.wind_m_s for row in rows}
    lines = [
        Line(
            name=method if len(winds) == 1 else f"{method}, {wind:g} m/s",
            points=[
                (row.rate_t_h, what(row)) for row in rows if (row.method, row.wind_m_s) == (method, wind)
            ],
            marks=True,
        )
        for method, wind in dict.fromkeys((row.method, row.wind_m_s) for row in rows)
    ]
    return _chart(lines, title, "t/h (logarithmic)", label, share=share, log=True)


def _against_noise(runs: Sequence[Run], method: str) -> str:
    """Detection by the noise around the source: a line for each rate."""
    own = [item for item in scores.thirds(runs) if item.method == method]
    lines = [
        Line(
            name=f"{rate:g} t/h",
            points=[(item.noise_ppm_m, item.plume.value) for item in own if item.rate_t_h == rate],
            marks=True,
        )
        for rate in dict.fromkeys(item.rate_t_h for item in own)
    ]
    return _chart(
        lines, f"{method}: noise of the ground", "ppm·m around the source", "share found", share=True
    )


def _chart(
    lines: Sequence[Line], title: str, x_label: str, y_label: str, *, share: bool, log: bool = False
) -> str:
    """Draw lines, or nothing where there is nothing to draw."""
    known = [line for line in lines if any(math.isfinite(y) for _, y in line.points)]
    if not known:
        return ""
    return line_chart(
        known,
        title=title,
        x_label=x_label,
        y_label=y_label,
        y_range=(0, 1) if share else None,
        log_x=log,
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"
