"""Terminal output: notes, warnings and progress on stderr, results on stdout."""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.progress import Progress, TaskID

PLAIN_STEP_S = 5.0
"""Seconds between progress lines if stderr is not a terminal."""


@dataclass
class Verbosity:
    """Level of detail of the output, set by `-q` and `-v`."""

    level: int = 0
    """-1: quiet, 0: normal, 1: detailed, 2: with tracebacks."""

    @property
    def traceback(self) -> bool:
        """Whether errors are printed with their traceback."""
        return self.level > 1


class Console:
    """Prints notes, warnings and progress on stderr."""

    def __init__(self, verbosity: Verbosity) -> None:
        """Use a progress bar on terminals, and lines elsewhere."""
        self._level = verbosity.level
        self._terminal = sys.stderr.isatty()
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._last_line = time.monotonic()

    def note(self, text: str) -> None:
        """Print what was recognised, chosen or assumed; not with `-q`."""
        if self._level >= 0:
            self._write("note: ", text, "\x1b[2m")

    def detail(self, text: str) -> None:
        """Print a detail; only with `-v`."""
        if self._level > 0:
            self._write("", text, "\x1b[2m")

    def warn(self, text: str) -> None:
        """Print a possible cause of a wrong map; also with `-q`."""
        self._write("warning: ", text, "\x1b[33m")

    def progress(self, done: int, total: int, unit: str) -> None:
        """Update the bar, or print a line every few seconds."""
        if self._level < 0:
            return
        if self._terminal:
            self._move(done, total, unit)
        elif (now := time.monotonic()) - self._last_line >= PLAIN_STEP_S:
            self._last_line = now
            self._write("", f"{done} of {total} {unit} ({done / max(total, 1):.0%})", "")

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _write(self, label: str, text: str, style: str) -> None:
        if self._bar is not None:
            self._bar.console.print(label + text, markup=False, highlight=False, soft_wrap=True)
        elif self._terminal:
            typer.echo(f"{style}{label}{text}\x1b[0m" if style else label + text, err=True)
        else:
            typer.echo(label + text, err=True)

    def _move(self, done: int, total: int, unit: str) -> None:
        if self._bar is None:
            from rich.console import Console as RichConsole
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                BarColumn(bar_width=32),
                MofNCompleteColumn(),
                TextColumn("{task.description}"),
                TimeRemainingColumn(compact=True),
                console=RichConsole(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task(unit, total=total, completed=done)
            self._bar.start()
        if self._task is not None:
            self._bar.update(self._task, completed=done, total=total, description=unit)
        if done >= total:
            self.close()


class _Printing(logging.Handler):
    """Prints the log records of geoseg on a console: INFO as notes, WARNING and above as warnings."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record."""
        show = self._console.warn if record.levelno >= logging.WARNING else self._console.note
        show(record.getMessage())


@contextmanager
def open_console(verbosity: Verbosity) -> Iterator[Console]:
    """Yield a console for one run; all loggers of geoseg print on it.

    Python warnings of libraries are printed as details.
    """
    console = Console(verbosity)
    log, printing = logging.getLogger("geoseg"), _Printing(console)
    level = log.level

    def show(  # the signature of warnings.showwarning
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,  # noqa: ARG001
        line: str | None = None,  # noqa: ARG001
    ) -> None:
        console.detail(f"{category.__name__}: {message} ({filename}:{lineno})")

    with warnings.catch_warnings():
        warnings.showwarning = show
        log.addHandler(printing)
        log.setLevel(logging.INFO)
        try:
            yield console
        finally:
            log.removeHandler(printing)
            log.setLevel(level)
            console.close()


def print_json(value: BaseModel | object) -> None:
    """Print one JSON object on stdout, in ASCII, which every terminal encoding can represent."""
    if hasattr(value, "model_dump_json"):
        value = json.loads(value.model_dump_json())
    print_text(json.dumps(value, indent=2, allow_nan=False))


def print_text(text: str) -> None:
    """Print a result on stdout.

    Raises:
        ReaderGoneError: the reader of stdout closed it.
        OutputError: stdout is closed, or its disk is full.
    """
    typer.echo(text)
