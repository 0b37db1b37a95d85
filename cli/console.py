"""The terminal: notes, warnings and progress on stderr, results on stdout."""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.progress import Progress, TaskID

PLAIN_STEP_S = 5.0
"""Seconds between progress lines where stderr is no terminal."""


@dataclass
class Verbosity:
    """How much is told; `-q` and `-v` set it."""

    level: int = 0
    """-1 quiet, 0 normal, 1 detailed, 2 with tracebacks."""

    @property
    def traceback(self) -> bool:
        """Whether errors come with their traceback."""
        return self.level > 1


class Console:
    """Shows notes, warnings and progress on stderr."""

    def __init__(self, verbosity: Verbosity) -> None:
        """Choose a bar for terminals and lines for everything else."""
        self._level = verbosity.level
        self._terminal = sys.stderr.isatty()
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._begun = self._told = time.monotonic()

    def note(self, text: str) -> None:
        """Tell what was recognised, chosen or guessed."""
        if self._level >= 0:
            self._write("note: ", text, "\x1b[2m")

    def detail(self, text: str) -> None:
        """Tell what only `-v` shows."""
        if self._level > 0:
            self._write("", text, "\x1b[2m")

    def warn(self, text: str) -> None:
        """Tell what may make the map wrong; `-q` does not silence it."""
        self._write("warning: ", text, "\x1b[33m")

    def progress(self, done: int, total: int, unit: str) -> None:
        """Move the bar, or write a line every few seconds."""
        if self._level < 0:
            return
        if self._terminal:
            self._move(done, total, unit)
        elif (now := time.monotonic()) - self._told >= PLAIN_STEP_S:
            self._told = now
            self._write("", f"{done} of {total} {unit} ({done / max(total, 1):.0%})", "")

    def close(self) -> None:
        """Take the bar away."""
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
    """Prints what the package logs on a console: notes at level INFO, warnings above it."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record."""
        show = self._console.warn if record.levelno >= logging.WARNING else self._console.note
        show(record.getMessage())


@contextmanager
def telling(verbosity: Verbosity) -> Iterator[Console]:
    """Give a console for one run, on which all loggers of the package print.

    What libraries warn of in Python's own way is a detail.
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
    """Print one JSON object on stdout; ASCII, so that no terminal's encoding can break it."""
    if hasattr(value, "model_dump_json"):
        value = json.loads(value.model_dump_json())
    print_text(json.dumps(value, indent=2, allow_nan=False))


class ReaderGoneError(Exception):
    """Nobody reads stdout any more; a class of its own, since click takes a broken pipe for exit 1."""


def print_text(text: str) -> None:
    """Print a result on stdout.

    Raises:
        ReaderGoneError: nobody reads it.
    """
    try:
        typer.echo(text)
    except BrokenPipeError as error:
        raise ReaderGoneError from error


def columns(rows: Sequence[tuple[str, ...]], *, indent: str = "  ", right: tuple[int, ...] = ()) -> str:
    """Lay out rows in columns as wide as their widest cell.

    Args:
        rows: cells; all rows of one length.
        indent: before each line.
        right: positions of columns set flush right.
    """
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append((indent + "  ".join(cells)).rstrip())
    return "\n".join(lines)
