"""What runs out on a machine: disk, memory, open files, threads, a folder for temporary files; in words."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from geoseg.errors import GeosegError, OutputError, ShortageError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
FEW_FILES = frozenset({errno.EMFILE, errno.ENFILE})

OPEN_FILES = "too many files are open; raise the limit (`ulimit -n`) or give fewer inputs"


def shortage(error: BaseException) -> GeosegError | None:
    """Return the error of a machine that lacks something, which may meet any line of code; None: another."""
    if isinstance(error, MemoryError) or _code(error) == errno.ENOMEM:
        return ShortageError("the memory of the machine is not enough; give `--max-memory` or a smaller area")
    if few_files(error):
        return ShortageError(OPEN_FILES)
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return ShortageError("no further thread can be started; give fewer `--threads`")
    if isinstance(error, OSError) and error.errno in FULL:
        where = f"{error.filename}: " if error.filename else ""
        return OutputError(f"{where}the disk is full; free some space, or set TMPDIR to another folder")
    return None


def few_files(error: BaseException) -> bool:
    """Return whether no further file could be opened, as Python or, in words, GDAL reports it."""
    return _code(error) in FEW_FILES or any(os.strerror(code) in str(error) for code in FEW_FILES)


def temporary_folder() -> Path:
    """Return the system's folder for temporary files (`TMPDIR`).

    Raises:
        OutputError: neither it nor those that are usual can be written.
        ShortageError: too many files are open.
    """
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        # Python says so too where a file in the folder cannot be opened for another reason.
        try:
            Path(os.devnull).open().close()
        except OSError as reason:
            raise shortage(reason) or reason from error
        raise OutputError("no folder for temporary files can be written; set TMPDIR to one") from error


def _code(error: BaseException) -> int | None:
    return error.errno if isinstance(error, OSError) else None
