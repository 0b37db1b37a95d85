"""`geoseg evaluate MAP.tif`: a sample of a finished map, and what such a sample says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from geoseg.errors import UsageError

from .console import Console, print_json, print_text
from .report import finish

MAP = "A finished map (docs/accuracy.md)"
RASTERS = {".tif", ".tiff", ".vrt"}
MAPS = {".gpkg", ".fgb", ".parquet", ".geojson"}

DrawSample = Annotated[
    int | None,
    typer.Option(
        "--draw-sample",
        metavar="N",
        min=1,
        help="Draw N pixels of MAP at random, every class a stratum, to be interpreted: fill in the column "
        "reference. -o names the file: .gpkg or .csv.",
        rich_help_panel=MAP,
    ),
]
Sample = Annotated[
    Path | None,
    typer.Option(
        "--sample",
        metavar="POINTS",
        help="Estimate accuracy and area of MAP from interpreted points: any vector file, or a .csv with "
        "lon and lat.",
        rich_help_panel=MAP,
    ),
]
Column = Annotated[
    str | None,
    typer.Option(
        "--column",
        metavar="NAME",
        help="Column of --sample with class numbers or labels.  (default: reference)",
        rich_help_panel=MAP,
        show_default=False,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        metavar="S",
        min=0,
        help="Of --draw-sample: the same seed draws the same points.  (default: 0)",
        rich_help_panel=MAP,
        show_default=False,
    ),
]
MinPerClass = Annotated[
    int | None,
    typer.Option(
        "--min-per-class",
        metavar="N",
        min=2,
        help="Points that --draw-sample gives to rare classes at least.  (default: 50, or fewer)",
        rich_help_panel=MAP,
        show_default=False,
    ),
]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked of a finished map."""

    draw: int | None
    sample: Path | None
    column: str | None
    seed: int | None
    minimum: int | None
    output: Path | None
    overwrite: bool
    as_json: bool

    @property
    def asked(self) -> bool:
        """Whether it is about a finished map at all."""
        return self.draw is not None or self.sample is not None

    def check(self, target: str, others: Sequence[str]) -> None:
        """Refuse options that do not go together.

        Args:
            target: the command's one argument.
            others: options given that are for labelled sets.

        Raises:
            UsageError: they do not.
        """
        if not self.asked:
            own = {"--column": self.column, "--seed": self.seed, "--min-per-class": self.minimum}
            if lost := next((name for name, value in own.items() if value is not None), None):
                raise UsageError(f"{lost} is for finished maps: say --draw-sample N or --sample POINTS too")
            if Path(target).suffix.lower() in RASTERS | MAPS:
                raise UsageError(
                    f"{target}: is a map, no config; say --draw-sample N or --sample POINTS to judge it"
                )
            return
        if self.draw is not None and self.sample is not None:
            raise UsageError("--draw-sample comes before people look, --sample after: say one of them")
        if others:
            raise UsageError(f"{others[0]} is for labelled sets, not for --draw-sample and --sample")
        if self.draw is not None and self.output is None:
            raise UsageError("no output is named; say -o POINTS.gpkg")
        if self.draw is not None and self.column is not None:
            raise UsageError("--column is for --sample")
        if self.sample is not None and (self.seed is not None or self.minimum is not None):
            raise UsageError("--seed and --min-per-class are for --draw-sample")


def run(target: str, request: Request, console: Console) -> None:
    """Draw a sample of a map, or judge the map by one."""
    if request.draw is not None and request.output is not None:
        _draw(target, request.draw, request.output, request, console)
    elif request.sample is not None:
        _judge(target, request.sample, request, console)


def _draw(target: str, number: int, output: Path, request: Request, console: Console) -> None:
    from geoseg.learn.evaluate.sample_drawing import draw_sample
    from geoseg.learn.evaluate.sample_writing import check_sample, strata_rows, write_sample

    from .accuracy_text import strata_text

    check_sample(output, target, overwrite=request.overwrite)
    drawn = draw_sample(target, number, seed=request.seed or 0, minimum=request.minimum)
    paths = [str(path) for path in write_sample(drawn, output, overwrite=request.overwrite)]
    if request.as_json:
        told = {"map": target, "seed": drawn.seed, "strata": strata_rows(drawn), "outputs": paths}
        print_json(told)
        return
    print_text(strata_text(drawn) + "\n\n  wrote  " + "\n         ".join(paths))
    console.note("fill in the column reference without looking at map_class")
    console.note(f"then: geoseg evaluate {target} --sample {output}")


def _judge(target: str, sample: Path, request: Request, console: Console) -> None:
    from geoseg.learn.evaluate import area_report
    from geoseg.learn.evaluate.map_accuracy import judge_area
    from geoseg.learn.evaluate.sample_writing import REFERENCE

    folder = request.output
    if folder is not None:
        area_report.check_folder(folder, (Path(target), sample), overwrite=request.overwrite)
    found = judge_area(target, sample, column=request.column or REFERENCE)
    finish(
        area_report.report_of(found), folder, console, as_json=request.as_json, overwrite=request.overwrite
    )
