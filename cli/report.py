"""Write and print the report of an evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .console import Console, print_json, print_text

if TYPE_CHECKING:
    from geoseg.outputs.report import Report


def finish(
    report: Report, output: Path | None, console: Console, *, as_json: bool, overwrite: bool = True
) -> None:
    """Write a report to a folder, if one is given, and print it as JSON or text.

    Raises:
        OutputError: a file cannot be written, or exists without `overwrite`.
    """
    from geoseg.outputs.report import NO_CHARTS, to_text, write

    if output is not None:
        for path in write(report, output, overwrite=overwrite):
            console.note(f"wrote {path}")
        if report.lacks_charts:
            console.note(NO_CHARTS)
    if as_json:
        print_json(report.data)
    else:
        print_text(to_text(report))
