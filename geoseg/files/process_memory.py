"""Memory of this process: what it has, and the most that it had."""

from __future__ import annotations

import ctypes
import re
import sys
from contextlib import suppress
from pathlib import Path


def resident_mib() -> int:
    """Return the resident size of this process in MiB, without what its heap has free; 0: not known."""
    if not sys.platform.startswith("linux"):
        return 0
    with suppress(AttributeError, OSError):  # glibc has it
        ctypes.CDLL(None).malloc_trim(0)
    return _status("VmRSS")


def peak_mib() -> int:
    """Return the greatest resident size of this process so far, MiB; 0 where it is not known.

    On Linux, unlike that of `getrusage`, it does not contain the process that started this one.
    """
    if sys.platform != "darwin":
        return _status("VmHWM")
    import resource  # noqa: PLC0415 - not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**20


def _status(field: str) -> int:
    """Return a field of Linux's table of this process in MiB; 0 elsewhere."""
    try:
        text = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    found = re.search(rf"^{field}:\s+(\d+) kB", text, re.MULTILINE)
    return -(-int(found[1]) // 2**10) if found else 0
