"""`geoseg evaluate sample` and `area`: stratified sample of a finished map, accuracy and area estimates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .command import Command
from .console import open_console, print_json, print_text
from .report import check_page, finish

if TYPE_CHECKING:
    from geoseg.spec.evaluations import AreaRequest, SampleRequest

    from .options import Reporting

MAPS = {".tif", ".tiff", ".vrt", ".gpkg", ".fgb", ".parquet", ".geojson"}


def is_map(name: str) -> bool:
    """Return whether a path has the suffix of a map, not of a config."""
    return Path(name).suffix.lower() in MAPS


def sample() -> Command[SampleRequest]:
    """Draw a stratified random sample of a finished map, for interpretation.

    Each class is a stratum. Fill in the column reference of POINTS without looking at map_class, then run
    geoseg evaluate area MAP POINTS (docs/accuracy.md).
    """
    from geoseg.spec.evaluations import SampleRequest

    return Command(request=SampleRequest, run=_sample)


def area() -> Command[AreaRequest]:
    """Estimate the accuracy and the areas of a finished map from interpreted points, with 95 % intervals.

    --output also writes a report (docs/accuracy.md).
    """
    from geoseg.spec.evaluations import AreaRequest

    return Command(request=AreaRequest, run=_area)


def _sample(request: SampleRequest, reporting: Reporting) -> None:
    from geoseg.learn.evaluate.sample_drawing import draw_sample
    from geoseg.learn.evaluate.sample_writing import check_sample, strata_rows, write_sample

    from .accuracy_text import strata_text

    target, output, overwrite = request.target, request.output, request.overwrite
    with open_console(reporting.verbosity) as console:
        check_sample(output, target, overwrite=overwrite)
        drawn = draw_sample(target, request.number, seed=request.seed, minimum=request.min_per_class)
        paths = [str(path) for path in write_sample(drawn, output, overwrite=overwrite)]
        if reporting.as_json:
            print_json({"map": target, "seed": drawn.seed, "strata": strata_rows(drawn), "outputs": paths})
            return
        print_text(strata_text(drawn) + "\n\n  wrote  " + "\n         ".join(paths))
        console.note("fill in the column reference of the points without looking at map_class")
        console.note(f"then run: geoseg evaluate area {target} {output}")


def _area(request: AreaRequest, reporting: Reporting) -> None:
    from geoseg.learn.evaluate import area_report
    from geoseg.learn.evaluate.map_accuracy import estimate_area

    folder, sample = request.output, request.sample
    with open_console(reporting.verbosity) as console:
        if folder is not None:
            area_report.check_folder(folder, (Path(request.target), sample), overwrite=request.overwrite)
        check_page(request.report, overwrite=request.overwrite)
        report = area_report.report_of(estimate_area(request.target, sample, column=request.column))
        finish(
            report,
            folder,
            console,
            as_json=reporting.as_json,
            overwrite=request.overwrite,
            page=request.report,
        )
