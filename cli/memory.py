"""Give large arrays back to the system as soon as they are freed."""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGE = 2**20
"""Bytes from which an array has pages of its own."""


def return_freed_memory() -> None:
    """Fix glibc's threshold for memory of its own pages; elsewhere nothing happens.

    By default glibc raises it to the size of freed arrays, up to 32 MiB, and keeps the pages of later ones:
    strips of a large scene then leave some 70 MiB of holes.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # not glibc: musl, macOS, Windows
        return
    mallopt(M_MMAP_THRESHOLD, LARGE)
    mallopt(M_TRIM_THRESHOLD, LARGE)
