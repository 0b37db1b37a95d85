"""Read tables of text: CSV, TSV, and what spreadsheets write."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from geoseg.errors import SceneReadError
from geoseg.files.bounded import read_text

MOST_BYTES = 256 * 2**20
"""Most bytes of a table: a million rows."""


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
    """Decimal mark of numbers: a comma where columns are separated by semicolons, else a point."""

    def number(self, text: str) -> float:
        """Return the number in a cell; NaN if it is empty.

        Raises:
            ValueError: it is not a number.
        """
        return float(text.replace(self.decimal, ".") if text else "nan")


def read_table(path: Path) -> TextTable:
    """Read a table in UTF-8, with or without byte order mark, whose first line names the columns.

    Columns are separated by tabs in `.tsv`, else by commas, or, where the header has no comma, by semicolons
    with decimal commas, as spreadsheets of many countries write them.

    Raises:
        SceneReadError: it cannot be read, or is not a table.
    """
    try:
        text = read_text(path, MOST_BYTES, "utf-8-sig")
        delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter(text)
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        numbered = [
            (reader.line_num, {str(name).strip(): str(cell or "").strip() for name, cell in row.items()})
            for row in reader
        ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise SceneReadError(f"{path}: is not a table in UTF-8 ({error}); write it as CSV") from error
    return TextTable(
        path=path,
        names=tuple(str(name).strip() for name in reader.fieldnames or ()),
        rows=tuple(row for _, row in numbered),
        lines=tuple(line for line, _ in numbered),
        decimal="," if delimiter == ";" else ".",
    )


def _delimiter(text: str) -> str:
    """Return the delimiter of a table: the semicolon of some spreadsheets if its header has no comma."""
    header = text.partition("\n")[0]
    return "," if "," in header or ";" not in header else ";"
