"""Report of an evaluation with simulated plumes: detections, source rates and detection limits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields, is_dataclass

import geoseg
from geoseg.learn.evaluate.methane import trial_scores as scores
from geoseg.learn.evaluate.methane.evaluation import Evaluation
from geoseg.learn.evaluate.methane.report_charts import charts
from geoseg.learn.evaluate.methane.trial_runs import AT_SOURCE_M, CORE, Hit, Run
from geoseg.learn.evaluate.methane.trial_scores import (
    DetectionLimits,
    Errors,
    FalseAlarms,
    MethodComparison,
    NoiseThird,
    RateStatistics,
    Share,
)
from geoseg.outputs.report import UNKNOWN, Cell, Column, Report, Section, Table, columns, json_value
from geoseg.spec import PlumeSpec

LABEL = "simulated plumes"
"""Label of all results."""

CRITERION = (
    f"Detected: a mapped polygon contains one of the pixels with the greatest columns, which together have "
    f"{CORE:.0%} of the plume's mass, or lies within {AT_SOURCE_M:g} m of its source. Plume: the polygon has "
    "class 1; suspect: class 2. Targeted: the location of the source was given, and the polygon has class 1."
)

EXPECTED = float(PlumeSpec.model_fields["false_alarms"].default)
"""Expected number of false alarms in a scene."""

METHOD = Column("method")
WIND = Column("wind", unit="m/s", form="g")
RATE = Column("rate", unit="t/h", form="g")


def report_of(evaluation: Evaluation) -> Report:
    """Return the report of the detection of simulated plumes.

    In the data, null is an unknown number, or a detection limit above the rates simulated; a limit of 0 is
    below them.
    """
    grounds = list(dict.fromkeys(run.ground for run in evaluation.runs))
    extended = ", absorption extrapolated beyond its table (upper bound)" if evaluation.trial.extend else ""
    label = f"{LABEL} in {' and in '.join(grounds)}{extended}"
    methods = ", ".join(dict.fromkeys(run.method for run in evaluation.runs))
    return Report(
        title="Methane detection: simulated plumes",
        summary=f"Detection of {label}; 95 % confidence intervals, which assume independent plumes",
        facts={"methods": methods, "plumes": f"{sum(run.rate_t_h > 0 for run in evaluation.runs):,}"},
        sections=[_section(evaluation, ground, extended) for ground in grounds],
        notes=[CRITERION, _simulation(evaluation)],
        data={
            "geoseg": geoseg.__version__,
            "label": label,
            "criterion": CRITERION,
            "trial": json_value(_plain(evaluation.trial)),
            "runs": len(evaluation.runs),
            "rows": json_value(_plain(scores.rows(evaluation.runs))),
            "limits": json_value(_plain(scores.limits(evaluation.runs))),
            "false_plumes": json_value(_plain(scores.false_plumes(evaluation.controls))),
            "stated_false_plumes": EXPECTED,
            "noise": json_value(_plain(scores.thirds(evaluation.runs))),
            "methods": json_value(_plain(scores.comparisons(evaluation.runs))),
            "controls": json_value(_plain(evaluation.controls)),
        },
        csv={"runs.csv": _runs_table(evaluation.runs)},
    )


def _simulation(evaluation: Evaluation) -> str:
    """Describe the simulation of plumes."""
    end = (
        "is extrapolated by its last step, which gives an upper bound of detection"
        if evaluation.trial.extend
        else "is constant, which gives a lower bound of detection"
    )
    return (
        "Simulation: steady Gaussian plumes of known source rate, applied to the short-wave infrared bands "
        f"by the transmittance of methane in these bands; sources emit for {evaluation.trial.age_s / 60:g} "
        f"minutes. Beyond the absorption table, absorption {end}."
    )


def _section(evaluation: Evaluation, ground: str, extended: str) -> Section:
    """Return all tables and charts of one kind of ground."""
    runs = [run for run in evaluation.runs if run.ground == ground]
    controls = [item for item in evaluation.controls if item.ground == ground]
    return Section(
        title=f"Simulated plumes in {ground}{extended}",
        charts=charts(runs),
        tables=[
            rates_table(scores.rows(runs)),
            limits_table(scores.limits(runs)),
            false_plumes_table(scores.false_plumes(controls)),
            noise_table(scores.thirds(runs)),
            comparisons_table(scores.comparisons(runs)),
        ],
    )


def rates_table(rows: Sequence[RateStatistics]) -> Table:
    """Return a row for each method, wind and rate."""
    return Table(
        title="Detections and source rates (rate 0: the scene without plume, at the same locations)",
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


def limits_table(limits: Sequence[DetectionLimits]) -> Table:
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


def false_plumes_table(items: Sequence[FalseAlarms]) -> Table:
    """Return a row for each method."""
    return Table(
        title="False alarms: the scenes without simulated plumes",
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
                EXPECTED,
                item.suspects,
                ", ".join(item.unreachable) or UNKNOWN,
            )
            for item in items
        ],
    )


def noise_table(thirds: Sequence[NoiseThird]) -> Table:
    """Return a row for each method, wind, rate and third of the locations by noise."""
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


def comparisons_table(comparisons: Sequence[MethodComparison]) -> Table:
    """Return a row for each pair of methods, wind and rate."""
    return Table(
        title="Methods compared on the same plumes",
        columns=[
            *(Column("methods"), WIND, RATE),
            *columns("n", "only the first detects", "only the second"),
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
            for item in comparisons
        ],
    )


def _with_interval(share: Share) -> str:
    if not share.tried:
        return UNKNOWN
    low, high = share.interval
    return f"{share.value:.2f} ({low:.2f}–{high:.2f})"


def _bound(rate: float, limit: DetectionLimits) -> str:
    """Format a detection limit, which may lie outside the rates simulated."""
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
    """Convert dataclasses to dictionaries, shares with value and interval, controls without polygons."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Share):
        return {
            "found": value.found,
            "tried": value.tried,
            "value": value.value,
            "interval": value.interval,
        }
    if is_dataclass(value):
        names = [item.name for item in fields(value) if item.name != "polygons"]
        return {name: _plain(getattr(value, name)) for name in names}
    return value


def _runs_table(runs: Sequence[Run]) -> Table:
    """Return a row for each plume; a cell is empty where its number is unknown."""
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
