"""Resident memory of the current process."""

from __future__ import annotations

import re
from pathlib import Path


def resident(field: str) -> float:
    """Return resident MiB on Linux, present (VmRSS) or peak (VmHWM); `getrusage` would include the parent."""
    match = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(match[1]) / 1024 if match else float("nan")
