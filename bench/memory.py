"""Memory of the process that asks."""

from __future__ import annotations

import re
from pathlib import Path


def resident(field: str) -> float:
    """MiB resident now (VmRSS) or at most (VmHWM), on Linux; `getrusage` would count in the parent."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")
