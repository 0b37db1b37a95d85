"""Rows of text aligned in columns, for terminals and text reports."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def align(rows: Sequence[Sequence[str]], *, indent: str = "  ", right: Collection[int] = ()) -> str:
    """Return one line for each row, with columns as wide as their widest cell.

    Args:
        rows: cells; all rows have the same length.
        indent: text before each line.
        right: indices of the columns that are aligned to the right.
    """
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return "\n".join(
        (
            indent
            + "  ".join(
                cell.rjust(width) if index in right else cell.ljust(width)
                for index, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
        ).rstrip()
        for row in rows
    )
