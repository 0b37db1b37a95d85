"""The report of an evaluation by simulated plumes: detections, rates and detection limits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields, is_dataclass

import geoseg
from geoseg.learn.evaluate.methane import trial_scores as scores
from geoseg.learn.evaluate.methane.evaluation import Evaluation
from geoseg.learn.evaluate.methane.report_charts import charts
from geoseg.learn.evaluate.methane.trial_runs import AT_SOURCE_M, CORE, Hit, Run
from geoseg.learn.evaluate.methane.trial_scores import Errors, FalsePlumes, Gain, Limit, Row, Share, Third
from geoseg.outputs.report import UNKNOWN, Cell, Column, Report, Section, Table, columns, json_value
from geoseg.spec import PlumeSpec

LABEL = "simulated plumes"
"""What stands over everything."""

CRITERION = (
    f"Found: a mapped polygon holds one of the pixels with the greatest columns, which together have "
    f"{CORE:.0%} of the plume's mass, or lies within {AT_SOURCE_M:g} m of its source. Plume: the polygon is "
    "of class 1; suspect: of class 2. Targeted: the source was given to the search, and the polygon is of "
    "class 1."
)

STATED = float(PlumeSpec.model_fields["false_alarms"].default)
"""False plumes that a scene may be expected to show."""

METHOD = Column("method")
WIND = Column("wind", unit="m/s", form="g")
RATE = Column("rate", unit="t/h", form="g")


def report_of(found: Evaluation) -> Report:
    """Report what the search finds of simulated plumes.

    In the data, null is what is not known and a detection limit beyond the rates tried; a limit of 0 lies
    below them.
    """
    grounds = list(dict.fromkeys(run.ground for run in found.runs))
    extended = ", absorption extrapolated beyond its table (upper bound)" if found.trial.extend else ""
    label = f"{LABEL} in {' and in '.join(grounds)}{extended}"
    methods = ", ".join(dict.fromkeys(run.method for run in found.runs))
    return Report(
        title="Methane search: simulated plumes",
        summary=f"Detection of {label}; 95 % intervals, as if plumes of one scene were independent",
        facts={"methods": methods, "plumes": f"{sum(run.rate_t_h > 0 for run in found.runs):,}"},
        sections=[_section(found, ground, extended) for ground in grounds],
        notes=[CRITERION, _simulation(found)],
        data={
            "geoseg": geoseg.__version__,
            "label": label,
            "criterion": CRITERION,
            "trial": json_value(_plain(found.trial)),
            "runs": len(found.runs),
            "rows": json_value(_plain(scores.rows(found.runs))),
            "limits": json_value(_plain(scores.limits(found.runs))),
            "false_plumes": json_value(_plain(scores.false_plumes(found.controls))),
            "stated_false_plumes": STATED,
            "noise": json_value(_plain(scores.thirds(found.runs))),
            "methods": json_value(_plain(scores.gains(found.runs))),
            "controls": json_value(_plain(found.controls)),
        },
        csv={"runs.csv": _runs_table(found.runs)},
    )


def _simulation(found: Evaluation) -> str:
    """Say how plumes are simulated."""
    end = (
        "goes on as its last step does, which is an upper bound of what is detected"
        if found.trial.extend
        else "stays at its end, which is a lower bound of what is detected"
    )
    return (
        "Simulation: steady Gaussian plumes of known rate, put into the short-wave infrared bands by the "
        f"transmittances of the satellite's pass-bands; sources on for {found.trial.age_s / 60:g} minutes. "
        f"Beyond the table of absorption it {end}."
    )


def _section(found: Evaluation, ground: str, extended: str) -> Section:
    """Return all tables and charts of one kind of ground."""
    runs = [run for run in found.runs if run.ground == ground]
    controls = [item for item in found.controls if item.ground == ground]
    return Section(
        title=f"Simulated plumes in {ground}{extended}",
        charts=charts(runs),
        tables=[
            rates_table(scores.rows(runs)),
            limits_table(scores.limits(runs)),
            false_plumes_table(scores.false_plumes(controls)),
            noise_table(scores.thirds(runs)),
            gains_table(scores.gains(runs)),
        ],
    )


def rates_table(rows: Sequence[Row]) -> Table:
    """Return a row for each method, wind and rate."""
    return Table(
        title="Detections and rates (rate 0: the scene as it is, at the same places)",
        columns=[
            *(METHOD, WIND, RATE),
            *columns(
                "n", "plume (95 %)", "plume or suspect", "targeted", "rate error [quartiles]", "covered"
            ),
            *columns("targeted error", "targeted covered"),
            Column("beyond table", form=".0%"),
        ],
        rows=[
            (
                row.method,
                row.wind_m_s,
                row.rate_t_h,
                row.plume.tried,
                _with_interval(row.plume),
                _with_interval(row.spot),
                _with_interval(row.targeted),
                _error(row.errors),
                f"{row.errors.covered.found} of {row.errors.covered.tried}",
                _percent(row.targeted_errors.quartiles[1]),
                f"{row.targeted_errors.covered.found} of {row.targeted_errors.covered.tried}",
                row.beyond_share,
            )
            for row in rows
        ],
    )


def limits_table(limits: Sequence[Limit]) -> Table:
    """Return a row for each method and wind."""
    heads = ("50 % of plumes", "90 % of plumes", "50 % targeted", "90 % targeted")
    return Table(
        title="Detection limits",
        columns=[METHOD, WIND, *(Column(head, unit="t/h") for head in heads)],
        rows=[
            (item.method, item.wind_m_s, *(_bound(rate, item) for rate in (*item.blind, *item.targeted)))
            for item in limits
        ],
    )


def false_plumes_table(items: Sequence[FalsePlumes]) -> Table:
    """Return a row for each method."""
    return Table(
        title="False plumes: the scenes without simulated plumes",
        columns=[
            *columns("method", "scenes", "plumes"),
            Column("per scene", form=".2f"),
            *columns("expected", "suspects", "threshold beyond the table"),
        ],
        rows=[
            (
                item.method,
                item.scenes,
                item.plumes,
                item.plumes / item.scenes,
                STATED,
                item.suspects,
                ", ".join(item.unreachable) or UNKNOWN,
            )
            for item in items
        ],
    )


def noise_table(thirds: Sequence[Third]) -> Table:
    """Return a row for each method, wind, rate and third of the places by noise."""
    return Table(
        title="Detections by the noise around the source",
        columns=[
            *(METHOD, WIND, RATE),
            Column("ground"),
            Column("noise", unit="ppm·m", form=".0f"),
            Column("plume (95 %)"),
        ],
        rows=[
            (x.method, x.wind_m_s, x.rate_t_h, x.third, x.noise_ppm_m, _with_interval(x.plume))
            for x in thirds
        ],
    )


def gains_table(gains: Sequence[Gain]) -> Table:
    """Return a row for each pair of methods, wind and rate."""
    return Table(
        title="Methods compared on the same plumes",
        columns=[
            *(Column("methods"), WIND, RATE),
            *columns("n", "only the first finds", "only the second"),
            *columns("targeted: only the first", "targeted: only the second"),
        ],
        rows=[
            (
                f"{item.first} against {item.second}",
                item.wind_m_s,
                item.rate_t_h,
                item.tried,
                item.only_first,
                item.only_second,
                item.targeted_only_first,
                item.targeted_only_second,
            )
            for item in gains
        ],
    )


def _with_interval(share: Share) -> str:
    if not share.tried:
        return UNKNOWN
    low, high = share.interval
    return f"{share.value:.2f} ({low:.2f}–{high:.2f})"


def _bound(rate: float, limit: Limit) -> str:
    """Format a detection limit, which may lie outside the rates tried."""
    if math.isinf(rate):
        return f"> {limit.most_t_h:g}"
    return f"< {limit.least_t_h:g}" if rate == 0 else f"{rate:.1f}"


def _error(errors: Errors) -> str:
    """Format the median relative error with its quartiles."""
    if not errors.covered.tried:
        return UNKNOWN
    low, middle, high = (_percent(value) for value in errors.quartiles)
    return f"{middle} [{low}, {high}]"


def _percent(value: float) -> str:
    return UNKNOWN if math.isnan(value) else f"{value:+.0%}"


def _plain(value: object) -> object:
    """Return dataclasses as dictionaries, shares with value and interval, controls without polygons."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Share):
        return {"found": value.found, "tried": value.tried, "value": value.value, "interval": value.interval}
    if is_dataclass(value):
        names = [item.name for item in fields(value) if item.name != "polygons"]
        return {name: _plain(getattr(value, name)) for name in names}
    return value


def _runs_table(runs: Sequence[Run]) -> Table:
    """Return a row for each plume; empty where a number is not known."""
    names = [item.name for item in fields(Run) if item.name not in {"blind", "targeted"}]
    hits = [item.name for item in fields(Hit)]
    rows: list[list[Cell]] = []
    for run in runs:
        values = [getattr(run, name) for name in names]
        values += [getattr(hit, name) for hit in (run.blind, run.targeted) for name in hits]
        rows.append([int(run.rate_t_h > 0), *(_csv_cell(value) for value in values)])
    head = ["simulated", *names, *(f"{kind}_{name}" for kind in ("blind", "targeted") for name in hits)]
    return Table(columns=columns(*head), rows=rows)


def _csv_cell(value: str | int | float) -> Cell:
    if isinstance(value, float):
        return None if math.isnan(value) else f"{value:.7g}"
    return value
