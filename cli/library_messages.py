"""Keep what C libraries print on stderr by themselves out of the terminal.

GDAL, libtiff, HDF5 and the runtimes of networks print errors that they also report, which geoseg then
tells in its own words. They write to file descriptor 2, so that `sys.stderr` gets another descriptor.
"""

from __future__ import annotations

import os
import sys
import warnings
from types import TracebackType

from .startup import text_stream


def silence() -> None:
    """Point descriptor 2 to nowhere, and `sys.stderr` to what it was.

    Nothing is done with -vv or where CPL_DEBUG is set, which ask for such messages, and where `sys.stderr` is
    not descriptor 2.
    """
    if "-vv" in sys.argv or os.environ.get("CPL_DEBUG", "OFF").upper() not in {"OFF", "NO", "FALSE", "0"}:
        return
    # rasterio raises exceptions in callbacks of GDAL, such as for a message that is no UTF-8. Cython prints
    # each by both hooks, and ignores it.
    sys.unraisablehook = lambda _: None
    sys.excepthook = _raised_in_python
    try:
        if sys.stderr.fileno() != 2:
            return
        terminal = os.dup(2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
    except (AttributeError, OSError, ValueError):  # closed, or replaced by a program that calls `main`
        return
    sys.stderr = text_stream(terminal, sys.stderr, quiet=True)
    # pyogrio passes messages of GDAL on as warnings of Python; those of geoseg are none.
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def _raised_in_python(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Print an exception that ends the program; those raised in callbacks of C have no traceback."""
    if traceback is not None:
        sys.__excepthook__(kind, error, traceback)
