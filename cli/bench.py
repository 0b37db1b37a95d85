"""`geoseg bench`: protocols that compare pretrained encoders, and their result files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import Command, add, group
from .console import open_console
from .report import check_page, finish

if TYPE_CHECKING:
    from geoseg.spec.benchmarks import BenchReportRequest

    from .options import Reporting


def report() -> Command[BenchReportRequest]:
    """Compare result files: mean and deviation by data set, and the capability scores of GEO-Bench-2.

    --output writes report.html, capabilities.csv, datasets.csv, scores.json and a picture, capabilities.svg.
    """
    from geoseg.spec.benchmarks import BenchReportRequest

    return Command(request=BenchReportRequest, run=_report)


def _report(request: BenchReportRequest, reporting: Reporting) -> None:
    from geoseg.learn.protocols.result_report import report_of
    from geoseg.learn.protocols.result_rows import read_results
    from geoseg.spec.presets import benchmark

    check_page(request.report, overwrite=request.overwrite)
    with open_console(reporting.verbosity) as console:
        made = report_of(read_results(request.results), benchmark("geobench-2"))
        finish(
            made,
            request.output,
            console,
            as_json=reporting.as_json,
            overwrite=request.overwrite,
            page=request.report,
        )


app = group("Compare pretrained encoders by the protocols of published benchmarks (docs/protocols.md).")
add(app, "report", report)
