"""Read tables of text: CSV, TSV, and what spreadsheets write."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from geoseg.errors import SceneReadError
from geoseg.files.bounded import read_text
from geoseg.files.doors import opening
from geoseg.files.network import TEXT_BYTES

MOST_BYTES = 256 * 2**20
"""Most bytes of a table: a million rows."""


SUFFIXES = frozenset({".csv", ".tsv", ".txt"})
"""Of tables of text."""


_COMMA_NUMBER = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")
_POINT_NUMBER = re.compile(r"[+-]?\d+\.\d+([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")


@dataclass(frozen=True, kw_only=True)
class TextTable:
    """The cells of a table, without surrounding spaces."""

    path: Path
    names: tuple[str, ...]
    """Of the columns."""
    rows: tuple[dict[str, str], ...]
    """Cells by column; empty where a row is too short."""
    lines: tuple[int, ...]
    """Line of the file on which each row ends, from 1."""
    decimal: str
    """Decimal mark of numbers: a comma where columns are separated by semicolons, or where tabs separate them
    and numbers have commas that cannot separate thousands; else a point."""

    def number(self, text: str) -> float:
        """Return the number in a cell; NaN if it is empty.

        Raises:
            ValueError: it is not a number.
        """
        return float(text.replace(self.decimal, ".") if text else "nan")

    def plain(self, text: str) -> str:
        """Return a cell, with a decimal point if it is a number with the decimal comma of the table."""
        return text.replace(",", ".") if self.decimal == "," and _COMMA_NUMBER.fullmatch(text) else text


def read_table(path: Path) -> TextTable:
    """Read a table whose first line names the columns, as CSV, TSV and exports of spreadsheets have it.

    UTF-8, or UTF-16 with byte order mark. Columns are separated by what a first line `sep=;` says, by tabs in
    `.tsv`, else by the first of tab, comma and semicolon that the header has. Numbers have decimal commas
    where semicolons separate columns, as spreadsheets of many countries write them; and in their "Unicode
    text", whose columns are separated by tabs, if some have decimal commas and none a point.

    Raises:
        SceneReadError: it cannot be read, or is not a table.
    """
    try:
        text, said, skipped = _without_separator(_text_of(path, MOST_BYTES))
        delimiter = said or ("\t" if path.suffix.lower() == ".tsv" else _delimiter(text))
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        numbered = [
            (
                reader.line_num + skipped,
                {str(name).strip(): str(cell or "").strip() for name, cell in row.items()},
            )
            for row in reader
        ]
    except (UnicodeError, csv.Error) as error:
        raise SceneReadError(
            f"{path}: is not a table in UTF-8 or UTF-16 ({error}); write it as CSV in UTF-8"
        ) from error
    return TextTable(
        path=path,
        names=tuple(str(name).strip() for name in reader.fieldnames or ()),
        rows=tuple(row for _, row in numbered),
        lines=tuple(line for line, _ in numbered),
        decimal="," if delimiter == ";" or (delimiter == "\t" and _has_decimal_commas(numbered)) else ".",
    )


def read_list(path: Path) -> str:
    """Return the text of a list with one entry in each line: UTF-8, or UTF-16 with byte order mark.

    Raises:
        SceneReadError: it has another encoding, or cannot be read.
    """
    try:
        return _text_of(path, TEXT_BYTES)
    except UnicodeError as error:
        raise SceneReadError(f"{path}: is not text in UTF-8 or UTF-16 ({error}); save it as UTF-8") from error


def _text_of(path: Path, most: int) -> str:
    """Return the text of a file of at most so many bytes.

    Raises:
        SceneReadError: it cannot be read, or holds bytes of 0, which no path or number has.
        UnicodeDecodeError: it is not text of its encoding.
    """
    with opening(f"{path}:", "check the path", passing=(UnicodeError,)):
        text = read_text(path, most)
    if "\0" in text:
        raise SceneReadError(f"{path}: is not text: it holds bytes of 0; write it in UTF-8")
    return text


def _has_decimal_commas(rows: Sequence[tuple[int, Mapping[str, str]]]) -> bool:
    """Return whether numbers have commas that do not separate thousands, and none has a point."""
    cells = [cell for _, row in rows for cell in row.values()]
    commas = any(_COMMA_NUMBER.fullmatch(cell) and not _THOUSANDS.fullmatch(cell) for cell in cells)
    return commas and not any(_POINT_NUMBER.fullmatch(cell) for cell in cells)


def _without_separator(text: str) -> tuple[str, str, int]:
    """Return a text without a first line `sep=;`, the separator that it states, and the lines taken off."""
    first, _, rest = text.partition("\n")
    found = re.fullmatch(r"\"?sep=(.)\"?\s*", first, re.IGNORECASE)
    return (text, "", 0) if found is None else (rest, found[1], 1)


def _delimiter(text: str) -> str:
    """Return the delimiter of a table: the first of tab, comma and semicolon that its header has."""
    header = text.partition("\n")[0]
    return next((mark for mark in ("\t", ",", ";") if mark in header), ",")
