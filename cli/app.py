"""The `geoseg` command: its commands, and what an error looks like.

Exit codes: 0 done; 1 internal error; 2 bad usage; 3 input unreadable or unsuitable; 4 model and scene do
not fit; 5 a runtime, device or package is missing; 6 output cannot be written; 130 interrupted (143 where
terminated, 141 where nobody reads stdout any more).
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from types import FrameType
from typing import Annotated, NoReturn

import typer

from geoseg import __version__
from geoseg.errors import GeosegError, RuntimeMissingError
from geoseg.files.inputs import reading_inputs

from . import change, demo, doctor, evaluate, export, flood, info, methane, models, segment, train, vectorize
from .command import add
from .console import ReaderGoneError, Verbosity

INTERRUPTED = 130
TERMINATED = 143
BROKEN_PIPE = 141

app = typer.Typer(
    name="geoseg",
    help="From satellite and aerial rasters to maps: GeoPackages that open styled in QGIS.",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
add(app, "flood", flood.flood)
add(app, "change", change.change)
app.add_typer(methane.app, name="methane")
add(app, "segment", segment.segment)
add(app, "vectorize", vectorize.vectorize)
add(app, "info", info.info)
app.add_typer(models.app, name="models")
add(app, "train", train.train)
app.add_typer(evaluate.app, name="evaluate")
add(app, "export", export.export)
app.command("doctor")(doctor.doctor)  # runs where packages are missing, and so has no request
add(app, "demo", demo.demo)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"geoseg {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - its callback answers
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """From satellite and aerial rasters to maps: GeoPackages that open styled in QGIS."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> NoReturn:
    """Run the command line and leave with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that lacks ² or – still gets its answer
            stream.reconfigure(errors="replace")
    signal.signal(signal.SIGTERM, _terminate)
    verbosity = Verbosity()
    code = _run(verbosity)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = _hush(code)
    sys.exit(code)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - signal's signature
    """Unwind as Ctrl-C does, so that half-written files are removed."""
    raise SystemExit(TERMINATED)


def _run(verbosity: Verbosity) -> int:
    """Run the command; every way it can end becomes an exit code and at most two lines."""
    try:
        with reading_inputs():
            return int(app(prog_name="geoseg", standalone_mode=False, obj=verbosity) or 0)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except (BrokenPipeError, ReaderGoneError):
        return _hush(0)
    except GeosegError as error:
        return _say(error, str(error), error.exit_code, verbosity)
    except ModuleNotFoundError as error:
        if (error.name or "geoseg").split(".")[0] == "geoseg":
            return _internal(error, verbosity)
        text = f"the Python package {error.name} is missing; geoseg doctor says what else is"
        return _say(error, text, RuntimeMissingError.exit_code, verbosity)
    except Exception as error:
        usage = _usage_text(error)
        if usage is not None:
            return _say(error, usage, 2, verbosity)
        return _internal(error, verbosity)


def _internal(error: Exception, verbosity: Verbosity) -> int:
    """Admit an error that nobody foresaw."""
    text = f"internal error: {type(error).__name__}: {' '.join(str(error).split())}"
    if not verbosity.traceback:
        text += "; run again with -vv for the traceback"
    return _say(error, text, 1, verbosity)


def _usage_text(error: Exception) -> str | None:
    """Return what an error of the option parser says, with where to read more; None for other errors.

    The parser is click in older releases of typer and typer's own copy of it in newer ones, so its errors
    are told by what they can do.
    """
    told = getattr(error, "format_message", None)
    if told is None:
        return None
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "geoseg"
    text = told().rstrip(".").replace(": Value error, ", ": ")
    return f"{text}; see '{path} --help'"


def _say(error: Exception, text: str, code: int, verbosity: Verbosity) -> int:
    """Write an error to stderr; a traceback above it where one was asked for."""
    try:
        if verbosity.traceback:
            traceback.print_exception(error, file=sys.stderr)
        typer.echo(f"error: {text}", err=True)
    except BrokenPipeError:
        return _hush(code)
    return code


def _hush(code: int) -> int:
    """Point the standard streams elsewhere, so that the interpreter's last flush does not fail again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (BrokenPipeError, ValueError):
            os.dup2(nowhere, stream.fileno())
    return code or BROKEN_PIPE
