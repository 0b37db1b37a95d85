"""The `geoseg` program: its commands, error messages and exit codes.

Exit codes: 0 done; 1 internal error; 2 wrong usage; 3 input unreadable or unsuitable; 4 model and scene do
not fit; 5 a runtime, device or package is missing, or memory or open files are not enough; 6 output cannot be
written; 7 some scenes of a batch failed; 130 interrupted; 143 terminated; 129 the terminal was closed; 141
stdout was closed by its reader.
"""

from __future__ import annotations

import signal
import sys
import traceback
from types import FrameType
from typing import Annotated, NoReturn

import typer

from geoseg import __version__
from geoseg.errors import GeosegError, OutputError, RuntimeMissingError, SceneReadError
from geoseg.files.inputs import reading_inputs
from geoseg.files.machine import shortage
from geoseg.files.network import close_gdal, go_offline, is_offline, open_gdal

from . import (
    batch,
    bench,
    change,
    demo,
    doctor,
    embed,
    evaluate,
    examples,
    export,
    fit,
    flood,
    info,
    methane,
    models,
    segment,
    train,
    vectorize,
)
from .command import add
from .console import Verbosity
from .help_text import PlainCommand, PlainGroup
from .library_messages import silence
from .startup import ReaderGoneError, handle_signals

INTERRUPTED = 130
BROKEN_PIPE = 141
LINES = 2
"""Most lines of an error."""

app = typer.Typer(
    name="geoseg",
    cls=PlainGroup,
    help="Make vector maps from satellite and aerial rasters: floods, change, methane, any network.",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
add(app, "flood", flood.flood)
add(app, "change", change.change)
app.add_typer(methane.app, name="methane")
add(app, "segment", segment.segment)
add(app, "embed", embed.embed)
add(app, "vectorize", vectorize.vectorize)
app.add_typer(batch.app, name="batch")
add(app, "info", info.info)
app.add_typer(models.app, name="models")
add(app, "train", train.train)
add(app, "fit", fit.fit)
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(bench.app, name="bench")
add(app, "export", export.export)
# It has no request, so that it runs with missing packages.
app.command("doctor", cls=PlainCommand)(doctor.doctor)
add(app, "demo", demo.demo)
app.command("examples", cls=PlainCommand)(examples.examples)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"geoseg {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - handled by its callback
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Make vector maps from satellite and aerial rasters: floods, change, methane, any network."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> NoReturn:
    """Run the command line and exit with its exit code."""
    silence()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # for terminals whose encoding lacks ² or –
            stream.reconfigure(errors="replace")
    handle_signals(_end)
    close_gdal()
    verbosity = Verbosity()
    code = _run(verbosity)
    open_gdal()
    try:
        sys.stdout.flush()
    except ReaderGoneError:
        code = code or BROKEN_PIPE
    except OutputError as error:
        code = _print_error(error, str(error), code or error.exit_code, verbosity)
    sys.exit(code)


def _end(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - signal's signature
    """Raise an exception, so that partly written files are removed."""
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)


def _run(verbosity: Verbosity) -> int:
    """Run the command; print errors as one or two lines and return the exit code."""
    try:
        if is_offline():
            go_offline()
        with reading_inputs():
            # Calling the app itself would replace `sys.excepthook`, which `silence` has set.
            command = typer.main.get_command(app)
            return int(command(prog_name="geoseg", standalone_mode=False, obj=verbosity) or 0)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except ReaderGoneError:
        return BROKEN_PIPE
    except GeosegError as error:
        return _print_error(error, str(error), error.exit_code, verbosity)
    except ModuleNotFoundError as error:
        if (error.name or "geoseg").split(".")[0] == "geoseg":
            return _internal(error, verbosity)
        text = f"the Python package {error.name} is missing; geoseg doctor lists all missing packages"
        return _print_error(error, text, RuntimeMissingError.exit_code, verbosity)
    except OSError as error:
        if found := shortage(error):
            return _print_error(error, str(found), found.exit_code, verbosity)
        if error.filename is None:
            return _internal(error, verbosity)
        # Paths are probed before files are opened: a name may be too long, or its folder closed to the user.
        text = f"{error.filename}: {error.strerror or error}; check the path"
        return _print_error(error, text, SceneReadError.exit_code, verbosity)
    except Exception as error:
        if found := shortage(error):
            return _print_error(error, str(found), found.exit_code, verbosity)
        usage = _usage_text(error)
        if usage is not None:
            return _print_error(error, usage, 2, verbosity)
        return _internal(error, verbosity)


def _internal(error: Exception, verbosity: Verbosity) -> int:
    """Print an unexpected error and return its exit code."""
    text = f"internal error: {type(error).__name__}: {' '.join(str(error).split())}"
    if not verbosity.traceback:
        text += "; run with -vv for the traceback"
    return _print_error(error, text, 1, verbosity)


def _usage_text(error: Exception) -> str | None:
    """Return the message of an error of the option parser; None for other errors.

    Older releases of typer use click, newer ones contain a copy of it, so the errors have no common class;
    they are recognised by their method `format_message`.
    """
    format_message = getattr(error, "format_message", None)
    if format_message is None:
        return None
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "geoseg"
    text = format_message().rstrip(".").replace(": Value error, ", ": ")
    return f"{text}; see '{path} --help'"


def _print_error(error: Exception, text: str, code: int, verbosity: Verbosity) -> int:
    """Print an error to stderr, after its traceback if -vv is given, and return its exit code."""
    if verbosity.traceback:
        traceback.print_exception(error, file=sys.stderr)
    # A message of a library may have lines of its own.
    lines = text.splitlines()
    typer.echo(f"error: {text if len(lines) <= LINES else ' '.join(lines)}", err=True)
    return code
