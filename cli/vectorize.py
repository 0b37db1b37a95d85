"""`geoseg vectorize`: a class raster to polygons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from geoseg.errors import UsageError

from . import options as shared
from . import values
from .console import print_json, print_text, telling

if TYPE_CHECKING:
    from geoseg.spec import ClassSpec


def vectorize(
    context: typer.Context,
    mask: Annotated[
        str,
        typer.Argument(
            metavar="MASK",
            help="A raster of one integer band with values 0..255; 0, 255 and nodata get no polygons.",
        ),
    ],
    output: shared.Output = None,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            metavar="VALUE=LABEL[:#rrggbb]",
            help="Name and colour a class; repeatable.  (default: the raster's own names and colours)",
            rich_help_panel=shared.INPUT,
            show_default=False,
        ),
    ] = None,
    overwrite: shared.Overwrite = None,
    dst_crs: shared.DstCrs = None,
    min_area: shared.MinArea = None,
    fill_holes: shared.FillHoles = None,
    simplify: shared.Simplify = None,
    as_json: shared.Json = False,
    quiet: shared.Quiet = False,
    verbose: shared.Verbose = 0,
) -> None:
    """Turn the classes of a raster into polygons with areas, styled as the raster is."""
    said = shared.said(locals())
    told = shared.verbosity(context, quiet, verbose)
    from .request import build_run

    run = build_run({name: value for name, value in said.items() if name not in {"mask", "classes"}})
    named = _classes(classes or ())
    from geoseg.segment.vectorize_raster import vectorize as work

    from .show import record_text

    with telling(told) as console:
        record = work(mask, run, named, console.progress)
    if as_json:
        print_json(record)
    else:
        print_text(record_text(record, detail=told.level > 0))


def _classes(entries: Sequence[str]) -> tuple[ClassSpec, ...] | None:
    """The classes that `--class` names; None where it names none."""
    read: dict[int, tuple[str, str | None]] = {}
    for entry in entries:
        try:
            value, label, colour = values.class_entry(entry)
        except ValueError as error:
            raise UsageError(f"--class: {error}") from error
        if value in read:
            raise UsageError(f"--class: value {value} is named twice, {read[value][0]} and {label}")
        read[value] = (label, colour)
    if not read:
        return None
    from geoseg.segment.vectorize_raster import PALETTE
    from geoseg.spec import ClassSpec

    return tuple(
        ClassSpec(value=value, label=label, colour=colour or PALETTE[value % len(PALETTE)])
        for value, (label, colour) in sorted(read.items())
    )
