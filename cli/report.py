"""Write and print the report of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .console import Console, print_json, print_text

if TYPE_CHECKING:
    from geoseg.outputs.report import Report


def finish(
    report: Report,
    output: Path | None,
    console: Console,
    *,
    as_json: bool,
    overwrite: bool = True,
    page: Path | None = None,
    finished: Mapping[Path, Path] | None = None,
) -> None:
    """Write a report to a folder and to one HTML file, if they are given, and print it as JSON or text.

    Args:
        report: what to write.
        output: the folder.
        console: for notes.
        as_json: whether to print JSON.
        overwrite: whether existing files are replaced.
        page: the HTML file.
        finished: other files of the run, by the path that each is moved to together with those of the report.

    Raises:
        OutputError: a file cannot be written, or exists without `overwrite`.
    """
    from geoseg.outputs.report import NO_CHARTS, to_text, write

    if output is not None or page is not None:
        for path in write(report, output, page=page, finished=finished, overwrite=overwrite):
            console.note(f"wrote {path}")
        if report.lacks_charts:
            console.note(NO_CHARTS)
    if as_json:
        print_json(report.data)
    else:
        print_text(to_text(report))


def check_page(page: Path | None, *, overwrite: bool) -> None:
    """Check before the work that the HTML file of a report can be written.

    Raises:
        OutputError: it exists without `overwrite`, or its folder cannot be written.
    """
    from geoseg.files.output_files import check_writable

    if page is not None:
        check_writable([page], overwrite)
