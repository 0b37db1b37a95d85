"""`geoseg evaluate sample` and `area`: a sample of a finished map, and what such a sample says of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .command import Command
from .console import print_json, print_text, telling
from .report import finish

if TYPE_CHECKING:
    from geoseg.spec.evaluations import AreaRequest, SampleRequest

    from .options import Reporting

MAPS = {".tif", ".tiff", ".vrt", ".gpkg", ".fgb", ".parquet", ".geojson"}


def is_map(name: str) -> bool:
    """Whether a name is that of a map rather than of a config."""
    return Path(name).suffix.lower() in MAPS


def sample() -> Command[SampleRequest]:
    """Draw pixels of a finished map at random, every class a stratum, for people to interpret.

    Fill in the column reference of POINTS, without looking at map_class; then say geoseg evaluate area MAP
    POINTS (docs/accuracy.md).
    """
    from geoseg.spec.evaluations import SampleRequest

    return Command(request=SampleRequest, run=_sample)


def area() -> Command[AreaRequest]:
    """Estimate accuracy and area of a finished map from interpreted points, with 95 % intervals.

    With --output, a report is written too (docs/accuracy.md).
    """
    from geoseg.spec.evaluations import AreaRequest

    return Command(request=AreaRequest, run=_area)


def _sample(request: SampleRequest, reporting: Reporting) -> None:
    from geoseg.learn.evaluate.sample_drawing import draw_sample
    from geoseg.learn.evaluate.sample_writing import check_sample, strata_rows, write_sample

    from .accuracy_text import strata_text

    target, output, overwrite = request.target, request.output, request.overwrite
    with telling(reporting.verbosity) as console:
        check_sample(output, target, overwrite=overwrite)
        drawn = draw_sample(target, request.number, seed=request.seed, minimum=request.min_per_class)
        paths = [str(path) for path in write_sample(drawn, output, overwrite=overwrite)]
        if reporting.as_json:
            print_json({"map": target, "seed": drawn.seed, "strata": strata_rows(drawn), "outputs": paths})
            return
        print_text(strata_text(drawn) + "\n\n  wrote  " + "\n         ".join(paths))
        console.note("fill in the column reference without looking at map_class")
        console.note(f"then: geoseg evaluate area {target} {output}")


def _area(request: AreaRequest, reporting: Reporting) -> None:
    from geoseg.learn.evaluate import area_report
    from geoseg.learn.evaluate.map_accuracy import estimate_area

    folder, sample = request.output, request.sample
    with telling(reporting.verbosity) as console:
        if folder is not None:
            area_report.check_folder(folder, (Path(request.target), sample), overwrite=request.overwrite)
        report = area_report.report_of(estimate_area(request.target, sample, column=request.column))
        finish(report, folder, console, as_json=reporting.as_json, overwrite=request.overwrite)
