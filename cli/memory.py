"""Settings of the C allocator for freed arrays: maps return the memory, trainings keep it."""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGE = 2**23
"""Least size in bytes of arrays with separate pages, for maps. Most arrays of tiles are smaller: new pages
for each took a third of the processor time of a map of change. Those of strips are larger, and given back."""

LARGEST = 2**30
"""Greatest size in bytes of arrays without separate pages, for trainings."""


def return_freed_memory() -> None:
    """Fix the glibc threshold above which arrays have separate pages; without glibc, do nothing.

    By default glibc raises the threshold to the size of freed arrays, up to 32 MiB, and keeps the pages of
    later ones: the strips of a large scene then leave about 70 MiB of fragmented memory.

    With 8 MiB instead of 1 MiB, maps of 10,980 columns had a fifth of the page faults, a third of the system
    time and 4 % more memory; with 16 MiB, hardly fewer and 5 %.
    """
    _set(LARGE, LARGE)


def keep_freed_memory() -> None:
    """Let glibc reuse the memory of freed arrays without system calls; without glibc, do nothing.

    Each training step frees and allocates the same hundreds of MiB; with the defaults, half of its time was
    spent on new pages.
    """
    _set(LARGEST, 2 * LARGEST - 1)


def _set(mmap: int, trim: int) -> None:
    """Set the thresholds of glibc in bytes."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # not glibc: musl, macOS, Windows
        return
    mallopt(M_MMAP_THRESHOLD, mmap)
    mallopt(M_TRIM_THRESHOLD, trim)
