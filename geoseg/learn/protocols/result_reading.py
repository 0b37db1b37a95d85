"""Read result files: scores from 0 to 1, each once, and errors that name file, line and column."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from geoseg.errors import SceneError, SceneReadError
from geoseg.learn.protocols.result_rows import (
    BACKBONE,
    DATASET,
    DECODER,
    FILE_NAME,
    METRIC,
    SEED,
    SETTING,
    TUNING,
    VALUE,
    ResultRow,
)
from geoseg.learn.samples.sample_files import table_rows
from geoseg.messages import warn

LOG = logging.getLogger(__name__)

NEEDED = (DATASET, METRIC, VALUE, SEED, BACKBONE, TUNING)
PARTS = ("left_out", "shots", "test_regions")
"""Further columns, which tell results of one setting apart."""
WANTED = f"give a result file of geoseg bench run, or {FILE_NAME} of GEO-Bench-2"
SCORES = re.compile(r"iou|jaccard|f1|accuracy|precision|recall|map(?!e)|dice|auc", re.IGNORECASE)
"""Metrics from 0 to 1, which some programs state in percent; MAPE is an error."""
ROUNDING = 1e-6
PERCENT = 100.0
SHOWN = 3
"""Lines that a warning names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """A row, and where it is."""

    row: ResultRow
    line: int
    part: tuple[str, ...]
    """Values of the columns `PARTS`."""


def read_results(paths: Sequence[Path]) -> tuple[ResultRow, ...]:
    """Read result files, each of which is one submission.

    Scores in percent are divided by 100, and a row that a file has twice counts once; a warning says so.

    Raises:
        SceneReadError: a file cannot be read, or a value is empty or not a finite number.
        SceneError: a column is missing, a file has no rows, a score is neither from 0 to 1 nor in percent, or
            two files have the same name and folder.
    """
    rows: list[ResultRow] = []
    seen: dict[str, Path] = {}
    for path in paths:
        name = path.resolve().parent.name if path.name in {FILE_NAME, "results.csv"} else path.stem
        if name in seen:
            raise SceneError(f"{path} and {seen[name]} have the same name {name!r}; rename a file or folder")
        seen[name] = path
        if path.is_dir() or path.suffix.lower() != ".csv":
            raise SceneReadError(f"{path}: not a CSV file; {WANTED}")
        read = [
            _row(line, row, path, name) for line, row in enumerate(table_rows(path, hint=WANTED), start=2)
        ]
        if not read:
            raise SceneError(f"{path}: has no rows; {WANTED}")
        rows += _once(_as_fractions(read, path), path)
    return tuple(rows)


def _row(line: int, row: Mapping[str, str | None], path: Path, name: str) -> _Read:
    missing = [column for column in NEEDED if column not in row]
    if missing:
        raise SceneError(f"{path}: the column {missing[0]!r} is missing; {WANTED}")

    def stated(column: str) -> str:
        text = (row[column] or "").strip()
        if not text:
            raise SceneReadError(f"{path}, line {line}: {column} is empty")
        return text

    def number(column: str, what: str = "a finite number") -> float:
        text = stated(column)
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or (column == SEED and value % 1):
            raise SceneReadError(f"{path}, line {line}: {column} is {text!r}, not {what}")
        return value

    return _Read(
        row=ResultRow(
            dataset=stated(DATASET),
            metric=stated(METRIC),
            value=number(VALUE),
            seed=int(number(SEED, "a whole number")),
            backbone=stated(BACKBONE),
            tuning=stated(TUNING),
            setting=row.get(SETTING) or "",
            decoder=row.get(DECODER) or "",
            submission=name,
        ),
        line=line,
        part=tuple(row.get(column) or "" for column in PARTS),
    )


def _as_fractions(read: Sequence[_Read], path: Path) -> list[_Read]:
    """Return rows with scores from 0 to 1; those of a metric in percent are divided by 100."""
    percent: list[str] = []
    for metric in dict.fromkeys(item.row.metric for item in read):
        own = [item for item in read if item.row.metric == metric]
        if not SCORES.search(metric):
            continue
        greatest = max(own, key=lambda item: item.row.value)
        least = min(
            (item for item in own if item.row.value), key=lambda item: item.row.value, default=greatest
        )
        if wrong := [item for item in (least, greatest) if not 0 <= item.row.value <= PERCENT]:
            raise SceneError(
                f"{path}, line {wrong[0].line}: {VALUE} of {metric} is {wrong[0].row.value:g}, which is "
                "neither a score from 0 to 1 nor one in percent"
            )
        if greatest.row.value <= 1 + ROUNDING:
            continue
        if least.row.value <= 1:
            raise SceneError(
                f"{path}: {VALUE} of {metric} is {least.row.value:g} in line {least.line} and "
                f"{greatest.row.value:g} in line {greatest.line}; write all from 0 to 1, or all in percent"
            )
        percent.append(metric)
    if not percent:
        return list(read)
    warn(LOG, "scores-in-percent", f"{path}: {', '.join(percent)} in percent; divided by {PERCENT:g}")
    return [
        replace(item, row=replace(item.row, value=item.row.value / PERCENT))
        if item.row.metric in percent
        else item
        for item in read
    ]


def _once(read: Sequence[_Read], path: Path) -> list[ResultRow]:
    """Return rows without those that a file has before; rows of one seed with other scores stay."""
    first: dict[tuple[object, ...], _Read] = {}
    kept: list[ResultRow] = []
    equal: list[str] = []
    other: list[str] = []
    for item in read:
        before = first.setdefault(_key(item.row, item.part), item)
        if before is item or before.row.value != item.row.value:
            kept.append(item.row)
        if before is not item:
            (equal if before.row.value == item.row.value else other).append(f"{item.line} (as {before.line})")
    if equal:
        warn(LOG, "results-repeated", f"{path}: lines {_some(equal)} repeat a result; each counts once")
    if other:
        warn(
            LOG,
            "results-repeated",
            f"{path}: lines {_some(other)} repeat the seed of another line with a different score; all count",
        )
    return kept


def _key(row: ResultRow, part: tuple[str, ...]) -> tuple[object, ...]:
    return (row.dataset, row.metric, row.seed, row.backbone, row.tuning, row.setting, row.decoder, *part)


def _some(lines: Sequence[str]) -> str:
    more = f" and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
    return ", ".join(lines[:SHOWN]) + more
