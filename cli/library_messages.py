"""Keep what C libraries print on stderr by themselves out of the terminal.

GDAL, libtiff, HDF5 and the runtimes of networks print errors that they also report, which geoseg then
tells in its own words. They write to file descriptor 2, so that `sys.stderr` gets another descriptor.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import warnings
from types import TracebackType

from geoseg.files.doors import cause
from geoseg.messages import warn

from .startup import text_stream

LOG = logging.getLogger(__name__)


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
    threading.excepthook = _raised_in_thread
    # Libraries whose loggers have no handler, such as matplotlib without its cache, print by this one.
    logging.lastResort = logging.NullHandler()
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


def _raised_in_thread(raised: threading.ExceptHookArgs) -> None:
    """Warn of an exception that ended a thread of a library; Python would print its traceback.

    geoseg's own threads hand their exceptions to who waits for them.
    """
    if raised.exc_value is not None and not isinstance(raised.exc_value, SystemExit):
        text = cause(raised.exc_value)
        warn(
            LOG, "thread-ended", f"a thread of a library ended ({text}): logs that it writes are not complete"
        )
