"""The promise of `--max-memory`: checks before and during work."""

from __future__ import annotations

import sys
from contextvars import ContextVar

from geoseg.errors import MemoryLimitError
from geoseg.files.process_memory import peak_mib, resident_mib

SLACK = 1.1
"""A run may take so many times `--max-memory`: sizes of arrays are known, those of libraries vary."""

STEP_MIB = 10
"""Values that a message names are multiples of it."""

_EARLIER: ContextVar[int] = ContextVar("peak before the run", default=0)
"""MiB; a worker maps many scenes, and a notebook held other data."""

_HELD: dict[str, int] = {}
"""MiB that the process had before it first did some work, by its name."""


def begin_run() -> None:
    """Take the peak so far as that of others: of earlier runs, or of a notebook."""
    _EARLIER.set(peak_mib())


def hold(limit_mib: int | None, need_mib: int, name: str, *, work: str = "") -> None:
    """Check before some work that it keeps to `--max-memory`.

    Args:
        limit_mib: of the request; None: there is none.
        need_mib: what the work takes beside what the process has, at least.
        name: of the scene, for the message.
        work: names work that a process may do several times, such as a cloud network for two dates. The first
            time leaves its libraries in the process, so that later ones need no more than it did.

    Raises:
        MemoryLimitError: it takes more than the limit and `SLACK`, or the run or the process has more.
    """
    if limit_mib is None:
        return
    present = resident_mib()
    if not present:
        return
    bare = min(present, _HELD.setdefault(work, present)) if work else present
    least = max(present, bare + need_mib, _own_peak())
    if present > SLACK * limit_mib:
        raise MemoryLimitError(
            f"{name}: {_given(limit_mib)} is less than this run needs: it counts the whole process, which "
            f"holds {present} MiB already, with Python and data of other work; give "
            f"{_given(_rounded(least))} or more (in a notebook, a new kernel holds less)",
            _rounded(least),
        )
    _refuse(limit_mib, least, name)


def check_peak(limit_mib: int | None, name: str) -> None:
    """Check during work that it keeps to `--max-memory`; for the arguments and errors see `hold`."""
    # Elsewhere a run does not know what the process had before it.
    if limit_mib is not None and sys.platform.startswith("linux"):
        _refuse(limit_mib, _own_peak(), name)


def _own_peak() -> int:
    """Return the peak of this run, MiB; 0: it is lower than that of earlier ones."""
    peak = peak_mib()
    return peak if peak > _EARLIER.get() else 0


def _refuse(limit_mib: int, least_mib: int, name: str) -> None:
    if least_mib > SLACK * limit_mib:
        raise MemoryLimitError(
            f"{name}: {_given(limit_mib)} is less than this run needs; give {_given(_rounded(least_mib))} or "
            "more, or map a smaller part (`--bbox`, `--aoi`)",
            _rounded(least_mib),
        )


def _given(limit_mib: int) -> str:
    return f"`--max-memory {limit_mib}MiB`"


def _rounded(mib: int) -> int:
    return -(-mib // STEP_MIB) * STEP_MIB
