"""The start of the program, before its slow imports: signals and standard streams."""

from __future__ import annotations

import atexit
import gc
import io
import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, NoReturn, TextIO

from geoseg.errors import OutputError
from geoseg.files.user_cache import user_cache

from .lazy_packages import import_when_used

if TYPE_CHECKING:
    from typing_extensions import Buffer

ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that end a run; the exit code is 128 and their number."""

UNCOLLECTED = 200_000
"""Objects that are made before the first search for cycles. A short command makes 100,000 to 150,000, nearly
all of them of modules, which stay: searching them 150 times is a tenth of its time."""

_FREE = 2**20
"""Bytes that are free where caches are kept."""

_begun = time.monotonic()


class ReaderGoneError(Exception):
    """The reader of stdout closed it. Not a BrokenPipeError, which click converts to exit code 1."""


def begin() -> None:
    """Prepare signals and standard streams."""
    global _begun  # noqa: PLW0603 - there is one program
    _begun = time.monotonic()
    # Tiles are scored beside reading and writing: the idle threads of OpenBLAS would spin on their cores.
    # Read when numpy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Plugins of pydantic are looked for in the metadata of every installed package; geoseg uses none.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    _keep_cache_of_torch()
    _collect_later()
    # At its end Python searches all objects for cycles, three times; what is left then is of modules. Files
    # of a run are closed and temporary folders removed by their owners, not by that search.
    atexit.register(gc.freeze)
    import_when_used()
    handle_signals(_leave)
    _open_descriptors()
    # Not where a test or a notebook has replaced them.
    if sys.stdout is None or sys.stdout is sys.__stdout__:
        sys.stdout = text_stream(1, sys.stdout, quiet=False)
    if sys.stderr is None or sys.stderr is sys.__stderr__:
        sys.stderr = text_stream(2, sys.stderr, quiet=True)


def _keep_cache_of_torch() -> None:
    """Move the cache of torch from `TMPDIR`, where torch makes it even if it compiles nothing, to the user's.

    Where that cannot be written or is full, it stays: torch ends an import that cannot make it.
    """
    with suppress(RuntimeError, OSError):  # no home
        folder = user_cache() / "torch"
        there = next((place for place in folder.parents if os.path.exists(place)), None)
        if there and os.access(there, os.W_OK | os.X_OK) and shutil.disk_usage(there).free > _FREE:
            os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder))


def _collect_later() -> None:
    """Postpone the first search for cycles; later ones are as usual."""
    usual = gc.get_threshold()
    if not gc.isenabled() or not 0 < usual[0] < UNCOLLECTED:
        return

    def return_to_usual(phase: str, info: dict[str, int]) -> None:  # noqa: ARG001 - signature of gc.callbacks
        if phase == "stop":
            gc.callbacks.remove(return_to_usual)
            gc.set_threshold(*usual)

    gc.callbacks.append(return_to_usual)
    gc.set_threshold(UNCOLLECTED, *usual[1:])


def elapsed() -> float:
    """Return the seconds since the program began."""
    return time.monotonic() - _begun


def handle_signals(handler: signal._HANDLER) -> None:
    """Call `handler` for the signals that end a run, unless they are ignored (nohup, background jobs)."""
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _leave(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - signal's signature
    """Exit at once: nothing has been written, and an exception would be a traceback of an import."""
    os._exit(128 + number)


def _open_descriptors() -> None:
    """Open closed standard descriptors, so that no file of the run gets their numbers.

    Who closes stdout does not want the text: it is dropped without an error, as by git, rio and GDAL.
    """
    for number, flags in enumerate((os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, flags)
            if null != number:
                os.dup2(null, number)
                os.close(null)


def text_stream(number: int, stream: TextIO | None, *, quiet: bool) -> TextIO:
    """Return a text stream on a descriptor, encoded like the one it replaces."""
    return io.TextIOWrapper(
        io.BufferedWriter(_Output(number, quiet=quiet)),
        encoding=None if stream is None else stream.encoding,
        errors="replace",
        line_buffering=quiet or os.isatty(number),
    )


class _Output(io.FileIO):
    """A descriptor that fails at most once; later writes are forgotten, so that the exit code stays."""

    def __init__(self, number: int, *, quiet: bool) -> None:
        """Write to a descriptor, which stays open.

        Args:
            number: of the descriptor.
            quiet: whether failures are ignored.
        """
        super().__init__(number, "wb", closefd=False)
        self._lost = False
        self._quiet = quiet

    def write(self, data: Buffer, /) -> int:
        """Write bytes.

        Raises:
            ReaderGoneError: the reader closed the stream.
            OutputError: the stream is closed, or its disk is full.
        """
        if not self._lost:
            try:
                return super().write(data)
            except OSError as error:
                self._lost = True
                if not self._quiet:
                    if isinstance(error, BrokenPipeError):
                        raise ReaderGoneError from error
                    raise OutputError(f"standard output: cannot be written: {error.strerror}") from error
        return memoryview(data).nbytes
