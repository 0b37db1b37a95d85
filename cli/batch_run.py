"""Run a batch from the command line: progress with rate and rest, JSON lines, the log and the result."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import IO, TYPE_CHECKING

from geoseg.batch.outcome import Outcome
from geoseg.batch.run import BatchResult, run_batch
from geoseg.batch.tasks import task_of
from geoseg.errors import SomeFailedError, UsageError
from geoseg.files.disk import explain
from geoseg.files.network import close_gdal, go_offline, is_offline
from geoseg.text_columns import align

from .completion import SUGGESTIONS
from .console import Console, open_console, print_json, print_line, print_text
from .library_messages import silence
from .memory import return_freed_memory

if TYPE_CHECKING:
    from geoseg.spec.batch import BatchSpec

    from .options import Reporting

LISTED = 10
"""Failures that the result lists; summary.csv has all of them."""


def run_command(request: BatchSpec, task: str, reporting: Reporting) -> None:
    """Run or plan a batch and print the result.

    Raises:
        SomeFailedError: some scenes have no map; the others are complete.
    """
    return_freed_memory()
    _check_names(request, task)
    with open_console(reporting.verbosity) as console, _log_file(request.log) as log:
        if reporting.dry_run:
            from geoseg.batch.estimate import estimate_batch

            from .batch_text import estimate_text

            estimate = estimate_batch(request, task, progress=console.progress, prepare=start_worker)
            if reporting.as_json:
                print_json(estimate)
            else:
                print_text(estimate_text(estimate))
            return
        told = Told(console, log, as_json=reporting.as_json, detail=reporting.verbosity.level > 0)
        result = run_batch(request, task, told, progress=console.progress, prepare=start_worker)
    counts = dict(result.counts)
    if reporting.as_json:
        products = [str(path) for path in result.products]
        print_line({"event": "finished", "counts": counts, "kept": result.kept, "products": products})
    else:
        print_text(result_text(result))
    if result.failed:
        where = f"see {result.products[0]}" if result.products else "see the journal"
        raise SomeFailedError(f"{len(result.failed)} of {len(result.outcomes)} scenes failed; {where}")


def _check_names(request: BatchSpec, task: str) -> None:
    """Check names of methods, which a map checks only when it begins.

    Raises:
        UsageError: there is no such name.
    """
    for name, value in request.options.items():
        kind = task_of(task).offered[name].option.suggest
        if kind.endswith("-methods"):
            known = set(SUGGESTIONS[kind]())
            if str(value).lower() not in known:
                near = get_close_matches(str(value), sorted(known), n=1)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}"
                given = f"`--{name} {value}`"
                if name in request.origins:
                    given = f"{request.origins[name]}: {value}"
                raise UsageError(f"{given}: unknown; {hint}")


def start_worker() -> None:
    """Prepare a worker process, as `geoseg.cli.main` prepares the program."""
    silence()
    return_freed_memory()
    close_gdal()
    if is_offline():
        go_offline()


class Told:
    """Tells the terminal, stdout and the log about scenes as they finish."""

    def __init__(self, console: Console, log: IO[str] | None, *, as_json: bool, detail: bool) -> None:
        """Begin to measure the rate.

        Args:
            console: for failures and progress.
            log: for a line per scene; None: no log.
            as_json: whether a JSON line is printed on stdout for every scene.
            detail: whether warnings of scenes are printed too.
        """
        self._console = console
        self._log = log
        self._json = as_json
        self._detail = detail
        self._begun = time.monotonic()
        self._made = 0

    def finished(self, outcome: Outcome, done: int, total: int) -> None:
        """Tell about a scene that needs no further attempt."""
        self._made += 1
        if outcome.status == "failed":
            self._console.warn(f"{outcome.scene} failed (code {outcome.code}): {outcome.message}")
        elif self._detail:
            for warning in outcome.warnings:
                self._console.warn(f"{outcome.scene}: {warning.text}")
        self._write(outcome, outcome.status)
        if self._json:
            facts = outcome.model_dump(mode="json", exclude={"read", "footprint"})
            print_line({"event": "scene", "source": outcome.source, **facts})
        seconds = time.monotonic() - self._begun
        self._console.progress(done, total, "scenes", pace(self._made, seconds, total - done))

    def again(self, outcome: Outcome) -> None:
        """Tell about a scene that failed and is tried again."""
        self._console.detail(f"{outcome.scene} failed and is tried again: {outcome.message}")
        self._write(outcome, "again")

    def _write(self, outcome: Outcome, status: str) -> None:
        if self._log is None:
            return
        stamp = datetime.now(UTC).isoformat(timespec="seconds")
        lines = [f"{stamp} {status} {outcome.scene} code={outcome.code} seconds={outcome.seconds:g}"]
        if outcome.message:
            lines[0] += f" {outcome.message}"
        lines += [f"{stamp} warning {outcome.scene} {item.code} {item.text}" for item in outcome.warnings]
        self._log.write("".join(" ".join(line.split()) + "\n" for line in lines))
        self._log.flush()


def pace(made: int, seconds: float, left: int) -> str:
    """Return the rate of a batch and the time that the rest takes."""
    if not made or seconds <= 0:
        return ""
    rate = made / seconds
    speed = f"{rate:.1f} a second" if rate >= 1 else f"{60 * rate:.1f} a minute"
    return f", {speed}, {duration(left / rate)} left" if left else f", {speed}"


def duration(seconds: float) -> str:
    """Return a time as `H:MM:SS`, or `M:SS` below an hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def result_text(result: BatchResult) -> str:
    """Return the result of a batch as text."""
    counts = result.counts
    names = {
        "done": "mapped",
        "empty": "nothing observed",
        "failed": "failed",
        "unpaired": "no earlier scene",
        "pending": "not reached",
    }
    rows = [(names[status], f"{counts[status]:,}") for status in names if counts.get(status)]
    rows += [("of these from earlier runs", f"{result.kept:,}")] if result.kept else []
    blocks = [align([("scenes", f"{len(result.outcomes):,}"), *rows], right=(1,))]
    codes = Counter(item.code for outcome in result.outcomes for item in outcome.warnings if item.code)
    if codes:
        blocks.append(
            align([("warning", "scenes"), *((code, str(n)) for code, n in codes.most_common())], right=(1,))
        )
    if result.failed:
        shown = [(f"code {item.code}", item.scene, item.message) for item in result.failed[:LISTED]]
        more = len(result.failed) - len(shown)
        blocks.append(align(shown) + (f"\n  and {more} more" if more > 0 else ""))
    blocks.append(
        align([("wrote" if not index else "", str(path)) for index, path in enumerate(result.products)])
    )
    return "\n\n".join(block for block in blocks if block)


@contextmanager
def _log_file(path: Path | None) -> Iterator[IO[str] | None]:
    """Open the log for appending.

    Raises:
        OutputError: it cannot be written.
    """
    if path is None:
        yield None
        return
    try:
        file = path.open("a", encoding="utf-8", errors="replace")
    except OSError as error:
        raise explain(path, error) from error
    with file:
        yield file
