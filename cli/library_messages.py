"""Keep what C libraries print on stderr by themselves out of the terminal.

GDAL, libtiff, HDF5 and the runtimes of networks print errors that they also report, which geoseg then
tells in its own words. They write to file descriptor 2, so that `sys.stderr` gets another descriptor.
"""

from __future__ import annotations

import os
import sys

from .startup import text_stream


def silence() -> None:
    """Point descriptor 2 to nowhere, and `sys.stderr` to what it was.

    Nothing is done with -vv or where CPL_DEBUG is set, which ask for such messages, and where `sys.stderr` is
    not descriptor 2.
    """
    if "-vv" in sys.argv or os.environ.get("CPL_DEBUG", "OFF").upper() not in {"OFF", "NO", "FALSE", "0"}:
        return
    # rasterio raises exceptions in callbacks of GDAL, which Python prints and ignores.
    sys.unraisablehook = lambda _: None
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
