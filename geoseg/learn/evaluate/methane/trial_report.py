"""An evaluation by simulated plumes as text, JSON, CSV (a row a plume) and one page with plots."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from pydantic import JsonValue

import geoseg
from geoseg.learn.evaluate.methane import trial_scores as scores
from geoseg.learn.evaluate.methane.evaluation import Evaluation
from geoseg.learn.evaluate.methane.page import page
from geoseg.learn.evaluate.methane.trial_runs import AT_SOURCE_M, CORE, Hit, Run
from geoseg.learn.evaluate.methane.trial_scores import FalsePlumes, Gain, Limit, Row, Share, Third
from geoseg.outputs import write_report
from geoseg.spec import PlumeSpec

PAGE, SCORES, RUNS = "report.html", "scores.json", "runs.csv"

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


def span(share: Share) -> str:
    """Write a share with its interval."""
    if not share.tried:
        return "–"
    low, high = share.interval
    return f"{share.value:.2f} ({low:.2f}–{high:.2f})"


def bound(rate: float, least: float, most: float) -> str:
    """Write a detection limit."""
    return f"> {most:g}" if math.isinf(rate) else f"< {least:g}" if rate == 0 else f"{rate:.1f}"


def percent(value: float) -> str:
    """Write a relative error."""
    return "–" if math.isnan(value) else f"{value:+.0%}"


def rate_cells(row: Row) -> tuple[str, ...]:
    """Return a row of the table of rates."""
    low, middle, high = row.errors.quartiles
    aimed = row.targeted_errors
    return (
        row.method,
        f"{row.wind_m_s:g}",
        f"{row.rate_t_h:g}",
        str(row.plume.tried),
        span(row.plume),
        span(row.spot),
        span(row.targeted),
        f"{percent(middle)} [{percent(low)}, {percent(high)}]" if row.errors.covered.tried else "–",
        f"{row.errors.covered.found} of {row.errors.covered.tried}",
        percent(aimed.quartiles[1]),
        f"{aimed.covered.found} of {aimed.covered.tried}",
        f"{row.beyond_share:.0%}",
    )


RATE_HEAD = (
    "method",
    "m/s",
    "t/h",
    "n",
    "plume (95 %)",
    "plume or suspect",
    "targeted",
    "rate error [quartiles]",
    "covered",
    "targeted error",
    "covered",
    "beyond table",
)


def limit_cells(limit: Limit) -> tuple[str, ...]:
    """Return a row of the table of limits."""
    told = [bound(rate, limit.least_t_h, limit.most_t_h) for rate in (*limit.blind, *limit.targeted)]
    return (limit.method, f"{limit.wind_m_s:g}", *told)


LIMIT_HEAD = ("method", "m/s", "50 % of plumes", "90 %", "50 % targeted", "90 %")


def third_cells(third: Third) -> tuple[str, ...]:
    """Return a row of the table of noise."""
    return (
        third.method,
        f"{third.wind_m_s:g}",
        f"{third.rate_t_h:g}",
        third.third,
        f"{third.noise_ppm_m:.0f}",
        span(third.plume),
    )


THIRD_HEAD = ("method", "m/s", "t/h", "ground", "ppm·m", "plume (95 %)")


def false_cells(item: FalsePlumes) -> tuple[str, ...]:
    """Return a row of the table of scenes without plumes."""
    return (
        item.method,
        str(item.scenes),
        str(item.plumes),
        f"{item.plumes / item.scenes:.2f}",
        f"{STATED:g}",
        str(item.suspects),
        ", ".join(item.unreachable) or "–",
    )


FALSE_HEAD = (
    "method",
    "scenes",
    "plumes",
    "a scene",
    "stated",
    "suspects",
    "threshold beyond the table",
)


def gain_cells(gain: Gain) -> tuple[str, ...]:
    """Return a row of the comparison of methods."""
    return (
        f"{gain.first} against {gain.second}",
        f"{gain.wind_m_s:g}",
        f"{gain.rate_t_h:g}",
        str(gain.tried),
        str(gain.only_first),
        str(gain.only_second),
        str(gain.targeted_only_first),
        str(gain.targeted_only_second),
    )


GAIN_HEAD = (
    "methods",
    "m/s",
    "t/h",
    "n",
    "only the first finds",
    "only the second",
    "targeted: the first",
    "the second",
)

Table = tuple[str, tuple[str, ...], list[tuple[str, ...]]]
"""Title, head, rows."""


def beyond(found: Evaluation) -> str:
    """Say what became of columns beyond the table."""
    return ", absorption extrapolated beyond its table (upper bound)" if found.trial.extend else ""


def tables(found: Evaluation, ground: str) -> list[Table]:
    """Return all tables of one kind of ground."""
    runs = [run for run in found.runs if run.ground == ground]
    controls = [item for item in found.controls if item.ground == ground]
    return [
        (
            f"{LABEL} in {ground}{beyond(found)}: what is found "
            "(rate 0: the scene as it is, judged at the same places)",
            RATE_HEAD,
            [rate_cells(row) for row in scores.rows(runs)],
        ),
        ("detection limits, t/h", LIMIT_HEAD, [limit_cells(item) for item in scores.limits(runs)]),
        (
            "false plumes: the scenes without any plume put in",
            FALSE_HEAD,
            [false_cells(item) for item in scores.false_plumes(controls)],
        ),
        ("by the noise around the source", THIRD_HEAD, [third_cells(item) for item in scores.thirds(runs)]),
        ("methods, plume by plume", GAIN_HEAD, [gain_cells(item) for item in scores.gains(runs)]),
    ]


def grounds(found: Evaluation) -> list[str]:
    """Return the kinds of ground, real pixels first."""
    return list(dict.fromkeys(run.ground for run in found.runs))


def as_json(found: Evaluation) -> dict[str, JsonValue]:
    """Return all numbers but the single plumes.

    Null is what is not known, and a limit beyond the rates tried; a limit of 0 lies below them.
    """
    told: dict[str, JsonValue] = {
        "geoseg": geoseg.__version__,
        "label": f"{LABEL} in {' and in '.join(grounds(found))}{beyond(found)}",
        "criterion": CRITERION,
        "trial": _plain(asdict(found.trial)),
        "runs": len(found.runs),
        "rows": [_plain(asdict(row)) for row in scores.rows(found.runs)],
        "limits": [_plain(asdict(item)) for item in scores.limits(found.runs)],
        "false_plumes": [_plain(asdict(item)) for item in scores.false_plumes(found.controls)],
        "stated_false_plumes": STATED,
        "noise": [_plain(asdict(item)) for item in scores.thirds(found.runs)],
        "methods": [_plain(asdict(item)) for item in scores.gains(found.runs)],
        "controls": [
            {
                field.name: _plain(getattr(item, field.name))
                for field in fields(item)
                if field.name != "polygons"
            }
            for item in found.controls
        ],
    }
    return told


def _plain(value: object) -> JsonValue:
    """Return a value as JSON knows it; shares get their interval."""
    if isinstance(value, dict):
        plain = {str(key): _plain(item) for key, item in value.items()}
        if plain.keys() == {"found", "tried"}:
            share = Share(**value)
            plain |= {"value": _plain(share.value), "interval": _plain(share.interval)}
        return plain
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return round(value, 5) if math.isfinite(value) else None
    return value if isinstance(value, int | str) or value is None else str(value)


def as_csv(runs: Sequence[Run]) -> str:
    """Return a row for each plume; empty where a number is not known."""
    names = [field.name for field in fields(Run) if field.name not in {"blind", "targeted"}]
    hits = [field.name for field in fields(Hit)]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    head = [*names, *(f"{kind}_{name}" for kind in ("blind", "targeted") for name in hits)]
    writer.writerow(["simulated", *head])
    for run in runs:
        values = [getattr(run, name) for name in names]
        values += [getattr(hit, name) for hit in (run.blind, run.targeted) for name in hits]
        writer.writerow([int(run.rate_t_h > 0), *(_cell(value) for value in values)])
    return file.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.7g}"
    return value


def write(found: Evaluation, folder: Path) -> tuple[Path, ...]:
    """Write `report.html`, `scores.json` and `runs.csv`.

    Raises:
        OutputError: the folder cannot be written.
    """
    sections = [(ground, tables(found, ground)) for ground in grounds(found)]
    texts = {
        PAGE: page(found, sections, CRITERION),
        SCORES: json.dumps(as_json(found), indent=1, allow_nan=False),
        RUNS: as_csv(found.runs),
    }
    return write_report(folder, texts)
