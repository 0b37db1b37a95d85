"""Options of all commands: configuration files, and what is printed."""

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
        help="Read options from a YAML file whose keys are long option names; the command line overrides it.",
        rich_help_panel=REPORTING,
    ),
]
PrintConfig = Annotated[
    bool,
    typer.Option(
        "--print-config",
        metavar=" ",
        help="Print all options with their values as YAML for --config, and exit.",
        rich_help_panel=REPORTING,
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        metavar=" ",
        help="Print the plan (tiles, memory, time) and exit.",
        rich_help_panel=REPORTING,
    ),
]
HelpAll = Annotated[
    bool,
    typer.Option(
        "--help-all",
        metavar=" ",
        help="Show all options and exit; --help shows the common ones.",
        rich_help_panel=REPORTING,
        is_eager=True,
        callback=lambda context, value: _print_all_help(context) if value else None,
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
Offline = Annotated[
    bool,
    typer.Option(
        "--offline",
        metavar=" ",
        help="Refuse everything that needs the network, as GEOSEG_OFFLINE=1 does.",
        rich_help_panel="Input",
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        metavar=" ",
        help="Print no notes and no progress, only warnings.",
        rich_help_panel=REPORTING,
    ),
]
Verbose = Annotated[
    int,
    typer.Option(
        "--verbose",
        "-v",
        count=True,
        help="Print more detail; -vv: also tracebacks of errors.",
        metavar=" ",
        rich_help_panel=REPORTING,
        show_default=False,
    ),
]


@dataclass(frozen=True, kw_only=True)
class Reporting:
    """Output options of a command."""

    verbosity: Verbosity
    as_json: bool = False
    dry_run: bool = False


ALL = "geoseg.help_all"
"""Key of a context's `meta` that is set where `--help-all` is given."""


def _print_all_help(context: typer.Context) -> None:
    """Print the help with all options, and exit."""
    context.meta[ALL] = True
    typer.echo(context.get_help())
    raise typer.Exit


def verbosity(context: typer.Context, quiet: bool, verbose: int) -> Verbosity:
    """Set and return the verbosity of the program; `-v` overrides `-q`."""
    result = context.obj if isinstance(context.obj, Verbosity) else Verbosity()
    result.level = verbose or (-1 if quiet else 0)
    return result
