"""What becomes of the memory of freed arrays: maps give it back, trainings keep it."""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGE = 2**20
"""Bytes from which an array of a map has pages of its own."""

LARGEST = 2**30
"""Bytes up to which an array of a training has none."""


def return_freed_memory() -> None:
    """Fix glibc's threshold for memory of its own pages; elsewhere nothing happens.

    By default glibc raises it to the size of freed arrays, up to 32 MiB, and keeps the pages of later ones:
    strips of a large scene then leave some 70 MiB of holes.
    """
    _set(LARGE, LARGE)


def keep_freed_memory() -> None:
    """Let freed arrays be taken again without asking the system; elsewhere than on glibc nothing happens.

    A training step frees and takes the same hundreds of MiB: by default half its time went into fresh pages.
    """
    _set(LARGEST, 2 * LARGEST - 1)


def _set(mmap: int, trim: int) -> None:
    """Fix glibc's thresholds."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # not glibc: musl, macOS, Windows
        return
    mallopt(M_MMAP_THRESHOLD, mmap)
    mallopt(M_TRIM_THRESHOLD, trim)
