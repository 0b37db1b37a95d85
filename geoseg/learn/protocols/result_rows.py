"""Result files of protocols: a row for each score of a trained network, with the columns of GEO-Bench-2."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from geoseg.errors import SceneError, SceneReadError
from geoseg.learn.samples.sample_files import table_rows
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


def read_results(paths: Sequence[Path]) -> tuple[ResultRow, ...]:
    """Read result files, each of which is one submission.

    Raises:
        SceneReadError: a file cannot be read, or a value is not a finite number.
        SceneError: a column is missing, a file has no rows, or two files have the same name and folder.
    """
    rows: list[ResultRow] = []
    seen: dict[str, Path] = {}
    for path in paths:
        name = path.resolve().parent.name if path.name in {FILE_NAME, "results.csv"} else path.stem
        if name in seen:
            raise SceneError(f"{path} and {seen[name]} have the same name {name!r}; rename a file or folder")
        seen[name] = path
        read = [_row(number, row, path, name) for number, row in enumerate(table_rows(path), start=2)]
        if not read:
            raise SceneError(f"{path}: has no rows")
        rows += read
    return tuple(rows)


def _row(line: int, row: Mapping[str, str], path: Path, name: str) -> ResultRow:
    missing = [column for column in (DATASET, METRIC, VALUE, SEED, BACKBONE, TUNING) if column not in row]
    if missing:
        raise SceneError(
            f"{path}: the column {missing[0]!r} is missing; give a result file of geoseg bench run, or "
            f"{FILE_NAME} of GEO-Bench-2"
        )

    def number(column: str) -> float:
        text = (row[column] or "").strip()
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise SceneReadError(f"{path}, line {line}: {column} is {text!r}, not a finite number")
        return value

    return ResultRow(
        dataset=row[DATASET],
        metric=row[METRIC],
        value=number(VALUE),
        seed=int(number(SEED)),
        backbone=row[BACKBONE],
        tuning=row[TUNING],
        setting=row.get(SETTING) or "",
        decoder=row.get(DECODER) or "",
        submission=name,
    )


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
