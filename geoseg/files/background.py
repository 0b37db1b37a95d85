"""One job at a time on another thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec

from geoseg.files.closing import Closing

Arguments = ParamSpec("Arguments")


class Background(Closing):
    """Does one job after the other on another thread, while the caller prepares the next."""

    def __init__(self, name: str) -> None:
        """Start no thread yet.

        Args:
            name: of the thread, for debuggers.
        """
        self._pool = ThreadPoolExecutor(1, name)
        self._pending: Future[None] | None = None

    def begin(
        self, job: Callable[Arguments, None], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> None:
        """Wait for the job before, raise its error, and begin the next."""
        self.wait()
        self._pending = self._pool.submit(partial(copy_context().run, job, *args, **kwargs))

    def wait(self) -> None:
        """Wait for the last job and raise its error."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def close(self) -> None:
        """Wait for the last job, whose result is of no more use, and end the thread."""
        self._pending = None
        self._pool.shutdown()
