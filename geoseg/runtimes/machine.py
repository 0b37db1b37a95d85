"""The processor: name, instruction sets, and the number of processors that the process may use."""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from pathlib import Path

BF16_FLAGS = frozenset({"amx_bf16", "avx512_bf16"})
"""Processor flags of bfloat16 arithmetic on x86-64; one suffices."""


@cache
def cpu_flags() -> frozenset[str]:
    """Return the instruction-set flags of the first processor; empty if the system does not list them."""
    return frozenset(_facts().get("flags", "").split())


@cache
def processor() -> str:
    """Return what tells this kind of processor from others, with its name first."""
    facts = _facts()
    name = facts.get("model name") or platform.processor() or platform.machine()
    # Virtual machines call processors of several generations by one name.
    numbers = ".".join(facts.get(key, "") for key in ("cpu family", "model", "stepping"))
    flags = hashlib.sha256(" ".join(sorted(cpu_flags())).encode()).hexdigest()[:8]
    return f"{name} ({platform.machine()} {numbers} {flags})"


@cache
def _facts() -> dict[str, str]:
    """Return what the system says of the first processor; empty if it says nothing."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    lines = (line.partition(":") for line in text.partition("\n\n")[0].splitlines())
    return {key.strip(): value.strip() for key, _, value in lines}


def bf16_flags() -> tuple[str, ...]:
    """Return the flags of bfloat16 arithmetic, sorted; empty if the processor has none."""
    return tuple(sorted(BF16_FLAGS & cpu_flags()))


def usable_threads() -> int:
    """Return the number of processors that the process may use, within the quota of its container."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return count
    return count if quota == "max" else max(1, min(count, round(int(quota) / int(period))))
