"""Terminal output: notes, warnings and progress on stderr, results on stdout."""

from __future__ import annotations

import json
import logging
import shutil
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

FEW_NOTES = 3
"""Lines for the notes of a map on a terminal, unless `-v` is given; the record has all notes."""


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

    def __init__(self, verbosity: Verbosity, *, few_notes: bool = False) -> None:
        """Use a progress bar on terminals, and lines elsewhere.

        Args:
            verbosity: level of detail.
            few_notes: whether a terminal gets `FEW_NOTES` lines of notes only.
        """
        self._level = verbosity.level
        self._terminal = sys.stderr.isatty()
        self._few = few_notes and self._terminal and self._level == 0
        self._notes = 0
        self._begun = ""
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._last_line = time.monotonic()

    def note(self, text: str) -> None:
        """Print what was recognised, chosen or assumed; not with `-q`."""
        if self._level < 0:
            return
        self._notes += 1
        if not self._few:
            self._write("note: ", text, "\x1b[2m")
        elif self._notes < FEW_NOTES:
            self._write("note: ", _short(text, len("note: ")), "\x1b[2m")

    def detail(self, text: str) -> None:
        """Print a detail; only with `-v`."""
        if self._level > 0:
            self._write("", text, "\x1b[2m")

    def warn(self, text: str) -> None:
        """Print a possible cause of a wrong map; also with `-q`."""
        self._write("warning: ", text, "\x1b[33m")

    def progress(self, done: int, total: int, unit: str, detail: str = "") -> None:
        """Update the bar, or print a line every few seconds.

        Args:
            done: units.
            total: units.
            unit: identifies the work.
            detail: follows the unit, and may change.
        """
        if self._level < 0:
            return
        if self._terminal:
            self._move(done, total, unit + detail)
            return
        now = time.monotonic()
        ends = done >= total and self._begun == unit
        if ends or now - self._last_line >= PLAIN_STEP_S:
            self._last_line = now
            # Work that had a line gets a last one.
            self._begun = "" if done >= total else unit
            self._write("", f"{done} of {total} {unit}{detail} ({done / max(total, 1):.0%})", "")

    def end(self) -> None:
        """Remove the bar, and say how many notes were not printed."""
        self.close()
        hidden = self._notes - FEW_NOTES + 1
        if self._few and hidden > 0:
            self._write(
                "note: ", f"{hidden} more; -v prints all of them, the map's record has them", "\x1b[2m"
            )

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


def _short(text: str, used: int) -> str:
    """Return the beginning of a text that fits a line of the terminal, after `used` characters."""
    room = shutil.get_terminal_size().columns - used
    return text if len(text) <= room else f"{text[: max(room - 2, 10)].rstrip()} …"


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
def open_console(verbosity: Verbosity, *, few_notes: bool = False) -> Iterator[Console]:
    """Yield a console for one run; all loggers of geoseg print on it.

    Python warnings of libraries are printed as details.

    Args:
        verbosity: level of detail.
        few_notes: whether a terminal gets few notes only, for runs whose record has all of them.
    """
    console = Console(verbosity, few_notes=few_notes)
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
            console.end()


def print_json(value: BaseModel | object) -> None:
    """Print one JSON object on stdout, in ASCII, which every terminal encoding can represent."""
    if hasattr(value, "model_dump_json"):
        value = json.loads(value.model_dump_json())
    print_text(json.dumps(value, indent=2, allow_nan=False))


def print_line(value: object) -> None:
    """Print one JSON object as one line on stdout, at once, in ASCII."""
    print_text(json.dumps(value, allow_nan=False))
    sys.stdout.flush()


def print_text(text: str) -> None:
    """Print a result on stdout.

    Raises:
        ReaderGoneError: the reader of stdout closed it.
        OutputError: stdout is closed, or its disk is full.
    """
    typer.echo(text)
