"""The fastest runtime and precision of a network on the processor, by the time of one tile of the scene."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

from pydantic import JsonValue

from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.messages import held, note
from geoseg.runtimes.graph import Choice, LoadRequest, RuntimeStatus
from geoseg.runtimes.loading import load_session
from geoseg.runtimes.machine import processor
from geoseg.runtimes.measured import Measured, Timing, kept_or_measured, key_of

LOG = logging.getLogger(__name__)

CALLS = 3
"""Calls for each timing; the first warms up, and the least time of the others counts."""

LESS = 0.9
"""Largest ratio of times, of wall and of processor time, for which another runtime or precision is taken."""

LEAST_GAIN = 0.001
"""s a tile; smaller gains are noise, or of networks that take less time than reading."""


def fastest(
    request: LoadRequest, statuses: Sequence[RuntimeStatus], allowed: Sequence[Choice]
) -> tuple[Choice, str, dict[str, JsonValue]]:
    """Return the fastest of the allowed ways to run a network on this processor, and why.

    Times are measured the first time that a network meets a processor, and kept; so later runs, and runs of
    other options, choose among the same times.

    Args:
        request: on the CPU, with tiles of the scene.
        statuses: runtimes that are measured; usable.
        allowed: to choose from; the first is taken unless another is clearly faster.

    Returns:
        The choice; the times as text, for the note that names the choice; the times for the run record.
    """
    key = key_of(request.spec, {status.name: status.version for status in statuses})

    def measure() -> Measured:
        request.report(f"times {request.spec.name} in each runtime and precision, once on this processor")
        return Measured(
            model=key.model,
            sha256=key.sha256,
            processor=processor(),
            versions=dict(key.versions),
            tile=request.tile,
            threads=request.threads,
            timings=tuple(time_tiles(request, statuses)),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    waiting = f"waiting for another process that times {request.spec.name}"
    found, kept = kept_or_measured(key, measure, lambda: request.report(waiting))
    choice = choose(found.timings, allowed)
    if not kept:
        note(LOG, "times cannot be kept in the user's cache, so that other runs may choose otherwise")
    times = ", ".join(f"{timing.name} {timing.seconds:.3g}" for timing in found.timings)
    record: dict[str, JsonValue] = {
        "seconds": {timing.name: timing.seconds for timing in found.timings},
        "tile": found.tile,
        "threads": found.threads,
        "created": found.created,
        "kept": kept,
    }
    return choice, f" (seconds for a tile of {found.tile} px: {times})" if times else "", record


def choose(timings: Iterable[Timing], allowed: Sequence[Choice]) -> Choice:
    """Return the fastest of the allowed runtimes and precisions; the first unless another is clearly faster.

    Wall and processor time must both be less, because other processes disturb the former. fp32 is compared
    first, so that a lower precision is taken for what it gains beside the fastest fp32 alone.

    Args:
        timings: measured; what is missing could not run.
        allowed: the default first.
    """
    measured = {(item.runtime, item.precision): item for item in timings}
    best = allowed[0]
    for choice in sorted(allowed[1:], key=lambda item: item[1] != "fp32"):
        ours, theirs = measured.get(best), measured.get(choice)
        if theirs is None:
            continue
        if ours is None or (
            theirs.seconds <= min(LESS * ours.seconds, ours.seconds - LEAST_GAIN)
            and theirs.cpu_seconds <= LESS * ours.cpu_seconds
        ):
            best = choice
    return best


def time_tiles(request: LoadRequest, statuses: Sequence[RuntimeStatus]) -> Iterable[Timing]:
    """Yield the time of one tile in each runtime and precision that can run the network."""
    tiles = request.check
    if tiles is None or not len(tiles):
        return
    for status in statuses:
        for precision in status.precisions:
            try:
                with held():
                    session = load_session(status.name, replace(request, precision=precision))
                with closing(session):
                    spent = []
                    for _ in range(CALLS):
                        wall, cpu = time.perf_counter(), time.process_time()
                        session(tiles[:1])
                        spent.append((time.perf_counter() - wall, time.process_time() - cpu))
            except (ModelError, RuntimeMissingError):
                continue
            yield Timing(
                runtime=status.name,
                precision=precision,
                seconds=round(min(wall for wall, _ in spent[1:]), 5),
                cpu_seconds=round(min(cpu for _, cpu in spent[1:]), 5),
            )
