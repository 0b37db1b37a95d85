"""Processors and memory of this machine, shared out to workers."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from geoseg.engine.plan import PROCESS_MIB, TOTAL_MIB
from geoseg.messages import note, warn
from geoseg.polygons.limits import LEAST_MIB
from geoseg.runtimes.machine import usable_threads
from geoseg.spec.batch import BatchSpec, OptionValue

LOG = logging.getLogger(__name__)

PARENT_MIB = 200
"""Measured resident size of the process that hands out the work, with a catalogue of some hundred scenes."""
LEAST_WORKER_MIB = PROCESS_MIB + LEAST_MIB + 64
"""MiB below which a worker cannot keep to its limit."""
SPARE = 0.8
"""Share of the free memory that workers get without `--max-memory`."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """How many workers there are, and what each may use."""

    workers: int
    threads: int
    """Of each worker."""
    memory_mib: int | None
    """Of each worker; None: not limited."""

    @property
    def limits(self) -> Mapping[str, OptionValue]:
        """Return the options of every scene."""
        memory = {} if self.memory_mib is None else {"max-memory": self.memory_mib}
        return {"threads": self.threads, **memory}


def share_out(spec: BatchSpec, scenes: int) -> Share:
    """Return how many workers map scenes on this machine.

    Args:
        spec: `jobs`, `threads` and `max_memory`.
        scenes: to be mapped.
    """
    threads = spec.threads or usable_threads()
    wanted = min(spec.jobs or threads, max(scenes, 1))
    if spec.max_memory is not None:
        room = spec.max_memory - PARENT_MIB
        fitting = max(1, room // LEAST_WORKER_MIB)
        why = f"`--max-memory {spec.max_memory}`"
    else:
        room, free = 0, free_mib()
        fitting = wanted if spec.jobs else max(1, int(free * SPARE) // TOTAL_MIB)
        why = f"{free:,} MiB of free memory"
    workers = min(wanted, fitting)
    if workers < wanted:
        note(LOG, f"{workers} workers, not {wanted}: more do not fit {why}")
    memory = None if spec.max_memory is None else max(room // workers, 64)
    if memory is not None and memory < LEAST_WORKER_MIB:
        warn(
            LOG,
            "memory-limit",
            f"`--max-memory {spec.max_memory}` leaves {memory} MiB for a worker; scenes that need more "
            f"fail, and {LEAST_WORKER_MIB + PARENT_MIB} MiB are enough for most methods",
        )
    return Share(workers=workers, threads=max(1, threads // workers), memory_mib=memory)


def alone_mib(spec: BatchSpec) -> int:
    """Return the MiB of `--max-memory` for a scene that is mapped alone on this machine; 0: no limit."""
    if spec.max_memory is None or spec.scheduler is not None:
        return 0
    return max(spec.max_memory - PARENT_MIB, 64)


def limit_text(name: str, batch_mib: int, least_mib: int) -> str:
    """Return the message of a scene that needs more memory than its batch has for it.

    Args:
        name: of the scene.
        batch_mib: `--max-memory` of the batch.
        least_mib: that the scene needs.
    """
    return (
        f"{name}: `--max-memory {batch_mib}MiB` of all processes together is less than this scene needs; "
        f"give `--max-memory {least_mib + PARENT_MIB}MiB` or more, or map a smaller part (`--bbox`, `--aoi`)"
    )


def free_mib() -> int:
    """Return the memory that processes of this container or machine may still take, MiB."""
    found = [_available_mib()]
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        try:
            most, now = int(Path(limit).read_text()), int(Path(used).read_text())
        except (OSError, ValueError):
            continue
        found.append(max(most - now, 0) // 2**20)
    return min(found)


def _available_mib() -> int:
    """Return the memory of the machine that is free or can be freed, MiB."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) // 2**10
    except OSError:
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**21  # half of all
    except (AttributeError, OSError, ValueError):
        return 4096
