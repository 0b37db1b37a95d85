"""Report of result files: scores by data set, and capability scores of GEO-Bench-2."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from pydantic import JsonValue

import geoseg
from geoseg.learn.protocols.capability_scores import (
    CapabilityScore,
    DatasetScore,
    as_scores,
    capability_scores,
    dataset_scores,
    incomplete,
)
from geoseg.learn.protocols.result_rows import ResultRow, unambiguous
from geoseg.messages import counted
from geoseg.outputs.report import Cell, Column, Picture, Report, Section, Table, columns, json_value
from geoseg.spec import BenchmarkSpec

PICTURE = "capabilities.svg"
TOO_SMALL = (
    "The column error is that of the leaderboard, the standard error of the mean of 100 bootstrap samples. "
    "It falls with the number of samples and is a tenth of their deviation: do not read it as the "
    "uncertainty of a score. 2.5 % and 97.5 % of the samples show the spread over seeds; neither shows that "
    "over other data sets."
)
NO_PICTURE = "The picture is left out, since matplotlib is not installed: pip install 'geoseg[report]'"
SHOWN_FAULTS = 5
MOST_ROWS = 80
"""Rows above which the table of data sets is in its file only."""


IN_FILE_ONLY = ("precision ", "recall ")


def report_of(rows: Sequence[ResultRow], benchmark: BenchmarkSpec) -> Report:
    """Return the report of result files.

    Args:
        rows: of all files.
        benchmark: ranges and groups of data sets.
    """
    own = as_scores(unambiguous(rows), benchmark)
    datasets, capabilities = dataset_scores(own, benchmark), capability_scores(own, benchmark)
    faults = incomplete(own, benchmark)
    shown = [item for item in datasets if not item.metric.startswith(IN_FILE_ONLY)]
    files = len({row.submission for row in rows})
    from_files = f"{counted(len(rows), 'result')} of {counted(files, 'file')}"
    summary = f"{from_files}: mean and standard deviation by data set" + (
        f"; capability scores of {benchmark.title}, times 100" if capabilities else ""
    )
    tunings = dict.fromkeys(item.tuning for item in capabilities)
    drawn = _picture(capabilities) if capabilities and find_spec("matplotlib") else None
    return Report(
        title="Results of pretrained encoders",
        summary=summary,
        facts={"files": str(files), "benchmark": benchmark.citation}
        if capabilities
        else {"files": str(files)},
        warnings=[
            f"not five rows with five seeds, which {benchmark.title} requires: {text}"
            for text in faults[:SHOWN_FAULTS]
        ],
        sections=[
            *(
                Section(
                    title=f"Capabilities, {tuning}",
                    text="Score, and 2.5 and 97.5 % of the bootstrap samples.",
                    tables=[_by_capability([item for item in capabilities if item.tuning == tuning])],
                )
                for tuning in tunings
            ),
            *(
                [Section(pictures=[Picture(png=drawn.encode(), caption="", media_type="image/svg+xml")])]
                if drawn
                else []
            ),
            Section(title="Data sets", tables=[_by_dataset(shown)] if len(shown) <= MOST_ROWS else []),
        ],
        notes=[*([TOO_SMALL] if capabilities else []), *([NO_PICTURE] if capabilities and not drawn else [])],
        data={
            "geoseg": geoseg.__version__,
            "benchmark": benchmark.title,
            "capabilities": [_capability(item) for item in capabilities],
            "datasets": [_dataset(item) for item in datasets],
            "incomplete": list(faults),
        },
        csv={"capabilities.csv": _capability_rows(capabilities), "datasets.csv": _by_dataset(datasets)}
        if capabilities
        else {"datasets.csv": _by_dataset(datasets)},
        files={PICTURE: drawn} if drawn else {},
    )


def _picture(scores: Sequence[CapabilityScore]) -> str:
    """Return an SVG of all capability scores."""
    from geoseg.learn.protocols.interval_picture import draw_intervals  # noqa: PLC0415 - matplotlib

    groups = {
        f"{item.capability}, {item.tuning}": [
            (other.backbone, 100 * other.score, (100 * other.interval[0], 100 * other.interval[1]))
            for other in scores
            if (other.capability, other.tuning) == (item.capability, item.tuning)
        ]
        for item in scores
    }
    return draw_intervals(groups, "score x 100, 2.5–97.5 % of the bootstrap samples")


def _by_capability(scores: Sequence[CapabilityScore]) -> Table:
    """Return a row for each backbone and a column for each capability, the best of the first column first."""
    names = list(dict.fromkeys(item.capability for item in scores))
    found = {(item.backbone, item.capability): item for item in scores}
    backbones = sorted(
        dict.fromkeys(item.backbone for item in scores),
        key=lambda name: [-getattr(found.get((name, capability)), "score", -9.0) for capability in names],
    )
    rows: list[list[Cell]] = []
    for name in backbones:
        cells = (found.get((name, capability)) for capability in names)
        rows.append([name, *("" if item is None else _with_interval(item) for item in cells)])
    return Table(columns=columns("backbone", *names), rows=rows)


def _with_interval(item: CapabilityScore) -> str:
    low, high = item.interval
    return f"{100 * item.score:.2f} ({100 * low:.1f} to {100 * high:.1f})"


def _capability_rows(scores: Sequence[CapabilityScore]) -> Table:
    names = ("backbone", "frozen_or_full_ft", "capability", "score", "draws 2.5 %", "draws 97.5 %", "error")
    return Table(
        columns=columns(*names),
        rows=[
            [item.backbone, item.tuning, item.capability, item.score, *item.interval, item.published_error]
            for item in scores
        ],
    )


def _by_dataset(scores: Sequence[DatasetScore]) -> Table:
    heads = [
        *columns("data set", "setting", "metric", "backbone", "decoder", "frozen_or_full_ft", "n"),
        Column("mean", form=".4f"),
        Column("sd", form=".4f"),
    ]
    known = any(item.normalised is not None for item in scores)
    if known:
        heads += [Column("normalised", form=".4f"), Column("normalised error", form=".4f")]
    rows: list[list[Cell]] = [
        [
            item.dataset,
            item.setting,
            item.metric,
            item.backbone,
            item.decoder,
            item.tuning,
            item.seeds,
            item.mean,
            item.deviation if item.seeds > 1 else None,
            *((item.normalised, item.normalised_error) if known else ()),
        ]
        for item in scores
    ]
    return Table(columns=heads, rows=rows)


def _capability(item: CapabilityScore) -> JsonValue:
    return json_value(
        {
            "backbone": item.backbone,
            "frozen_or_full_ft": item.tuning,
            "capability": item.capability,
            "score": item.score,
            "draws_2.5_97.5_%": item.interval,
            "error_of_the_leaderboard": item.published_error,
        }
    )


def _dataset(item: DatasetScore) -> JsonValue:
    return json_value(
        {
            "dataset": item.dataset,
            "setting": item.setting,
            "metric": item.metric,
            "backbone": item.backbone,
            "decoder": item.decoder,
            "frozen_or_full_ft": item.tuning,
            "n": item.seeds,
            "mean": item.mean,
            "sd": item.deviation,
            "normalised": item.normalised,
            "normalised_error": item.normalised_error,
        }
    )
