"""Result files of protocols: a row for each score of a trained network, with the columns of GEO-Bench-2."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from geoseg.outputs.report import Cell, Table, columns

DATASET, METRIC, VALUE, SEED, BACKBONE, TUNING = (
    "dataset", "Metric", "test metric", "Seed", "backbone", "frozen_or_full_ft",
)  # fmt: skip
"""Columns that a result file must have."""

SETTING, DECODER = "partition name", "decoder"
"""Columns that a result file may have."""

FILE_NAME = "results_and_parameters.csv"
"""Name of every submission to GEO-Bench-2; the name of its folder tells two submissions apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow:
    """A score of a trained network on the test part of a data set."""

    dataset: str
    metric: str
    value: float
    seed: int
    backbone: str
    tuning: str
    """`frozen`, `full_ft` or another value of `network.train`."""
    setting: str = ""
    """What of the data set was used, such as `10%`."""
    decoder: str = ""
    submission: str = ""
    """Name of the file or folder that the row was read from; empty: it was not read."""
    parameters: Mapping[str, Cell] = field(default_factory=dict)
    """Further columns, which are written and not read."""


def unambiguous(rows: Iterable[ResultRow]) -> tuple[ResultRow, ...]:
    """Return rows whose backbone is followed by its submission, where several submissions have it.

    Scores of different submissions are not one sample: the same backbone may have got other bands.
    """
    rows = tuple(rows)
    files: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        files.setdefault((row.backbone, row.tuning), set()).add(row.submission)
    return tuple(
        replace(row, backbone=f"{row.backbone} ({row.submission[:8]})")
        if len(files[row.backbone, row.tuning]) > 1
        else row
        for row in rows
    )


def to_table(rows: Sequence[ResultRow]) -> Table:
    """Return rows as the table of a result file, with the parameters of all rows as further columns."""
    names = tuple(dict.fromkeys(name for row in rows for name in row.parameters))
    heads = (DATASET, METRIC, VALUE, SEED, BACKBONE, DECODER, TUNING, SETTING)
    cells: list[list[Cell]] = [
        [
            row.dataset,
            row.metric,
            None if math.isnan(row.value) else row.value,
            row.seed,
            row.backbone,
            row.decoder,
            row.tuning,
            row.setting,
            *(row.parameters.get(name) for name in names),
        ]
        for row in rows
    ]
    return Table(columns=columns(*heads, *names), rows=cells)
