"""Options of every command, whatever its request: where options come from, and what is printed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from .console import Verbosity

REPORTING = "Reporting"

Config = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Read options from a YAML file, its keys named like the long options; flags win.",
        rich_help_panel=REPORTING,
    ),
]
PrintConfig = Annotated[
    bool,
    typer.Option(
        "--print-config",
        metavar=" ",
        help="Print the request with all defaults as YAML for --config, and stop.",
        rich_help_panel=REPORTING,
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        metavar=" ",
        help="Print the plan: tiles, memory, time; and stop.",
        rich_help_panel=REPORTING,
    ),
]
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        metavar=" ",
        help="Print the result as one JSON object on stdout.",
        rich_help_panel=REPORTING,
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        metavar=" ",
        help="No notes, no progress; warnings stay.",
        rich_help_panel=REPORTING,
    ),
]
Verbose = Annotated[
    int,
    typer.Option(
        "--verbose",
        "-v",
        count=True,
        help="More detail; -vv: tracebacks too.",
        metavar=" ",
        rich_help_panel=REPORTING,
        show_default=False,
    ),
]


@dataclass(frozen=True, kw_only=True)
class Reporting:
    """What is printed, and how much is told on the way."""

    verbosity: Verbosity
    as_json: bool = False
    dry_run: bool = False


def verbosity(context: typer.Context, quiet: bool, verbose: int) -> Verbosity:
    """Tell the whole program how much to tell; `-v` outweighs `-q`."""
    told = context.obj if isinstance(context.obj, Verbosity) else Verbosity()
    told.level = verbose or (-1 if quiet else 0)
    return told
