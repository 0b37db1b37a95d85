"""Errors that geoseg raises, each with the exit code of the command line.

The message states what is wrong, where (path, band, window) and what to do, with options between backticks
(`geoseg.api.option_words`). Some errors also inherit from a builtin exception, so that library users can
catch either.
"""

from __future__ import annotations

from typing import ClassVar


class GeosegError(Exception):
    """Base class of all errors of geoseg."""

    exit_code: ClassVar[int] = 1


class UsageError(GeosegError, ValueError):
    """The request is not valid for any data: exit code 2."""

    exit_code = 2


class MemoryLimitError(UsageError):
    """A run needs more than `--max-memory`."""

    def __init__(self, message: str, least_mib: int = 0) -> None:
        """Take the message and the least memory that is enough, MiB."""
        super().__init__(message)
        self.least_mib = least_mib


class SceneError(GeosegError):
    """An input cannot be read, or is not suitable for the request: exit code 3."""

    exit_code = 3


class NothingObservedError(SceneError):
    """No pixel of a scene, or of a sample of it, was observed: everything is nodata or masked."""


class SceneReadError(SceneError, OSError):
    """A file is missing or truncated, or is neither a raster nor a vector file."""


class BandError(SceneError, LookupError):
    """A band is missing or named twice, or cannot be identified in its file."""


class ModelError(GeosegError):
    """A model cannot be used, or does not suit the scene: exit code 4."""

    exit_code = 4


class FetchError(ModelError, OSError):
    """The weights of a model cannot be downloaded, or have another size than stated: exit code 3."""

    exit_code = 3


class RuntimeMissingError(GeosegError):
    """A runtime, device or optional package is missing: exit code 5."""

    exit_code = 5


class ShortageError(GeosegError):
    """The machine has too little memory, too few open files or threads: exit code 5."""

    exit_code = 5


class OutputError(GeosegError, OSError):
    """An output cannot be written, or exists and must not be replaced: exit code 6."""

    exit_code = 6


class SomeFailedError(GeosegError):
    """Some scenes of a batch have no map; all others are complete: exit code 7."""

    exit_code = 7
