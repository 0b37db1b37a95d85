"""Notes and warnings as tests read them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from geoseg.scenes import Scene


class Messages(logging.Handler):
    """Remembers what the package logs."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self.codes: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Remember a note or a warning."""
        if record.levelno < logging.WARNING:
            self.notes.append(record.getMessage())
        else:
            self.warnings.append(record.getMessage())
            self.codes.append(record.__dict__["code"])


@contextmanager
def listening() -> Iterator[Messages]:
    """Listen to all loggers of the package."""
    log, handler = logging.getLogger("geoseg"), Messages()
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield handler
    finally:
        log.removeHandler(handler)
        log.setLevel(level)


def progress(done: int, total: int, unit: str) -> None:
    """See that progress makes sense."""
    assert 0 <= done <= total


def notes_of(scene: Scene) -> list[str]:
    """Return the notes that a scene keeps."""
    return [message.text for message in scene.messages if not message.code]


def warnings_of(scene: Scene) -> list[str]:
    """Return the warnings that a scene keeps."""
    return [message.text for message in scene.messages if message.code]
