"""`geoseg demo`: a simulated flood through the main job, with a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options as shared
from .console import print_json, print_text, telling


def demo(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where everything is written.")] = Path(
        "demo-output"
    ),
    overwrite: shared.Overwrite = None,
    as_json: shared.Json = False,
    quiet: shared.Quiet = False,
    verbose: shared.Verbose = 0,
) -> None:
    """Simulate a flood, map it, and draw the map: to see all of geoseg without any data.

    The scene is made up, and says so; nothing is downloaded.
    """
    from geoseg.demo.flood_demo import run_demo

    from .show import record_text

    told = shared.verbosity(context, quiet, verbose)
    with telling(told) as console:
        record = run_demo(folder, console.progress, overwrite=bool(overwrite))
    if as_json:
        print_json(record)
    else:
        print_text(record_text(record, detail=told.level > 0))
