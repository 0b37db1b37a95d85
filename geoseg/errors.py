"""Every error that geoseg raises on purpose, each with the exit code of the command line.

An error says what is wrong, where (path, band, window) and what to do. Those that resemble a builtin
inherit from it too, so that library users can catch either.
"""

from __future__ import annotations

from typing import ClassVar


class GeosegError(Exception):
    """Base of all deliberate errors."""

    exit_code: ClassVar[int] = 1


class UsageError(GeosegError, ValueError):
    """The request makes no sense, whatever the data: exit code 2."""

    exit_code = 2


class SceneError(GeosegError):
    """An input cannot be read, or is not suitable for what was asked: exit code 3."""

    exit_code = 3


class SceneReadError(SceneError, OSError):
    """A file is missing, truncated, or not a raster or vector."""


class BandError(SceneError, LookupError):
    """A band is missing, named twice, or cannot be told from its file."""


class ModelError(GeosegError):
    """A model and a scene do not fit, or the model itself is not usable: exit code 4."""

    exit_code = 4


class FetchError(ModelError, OSError):
    """The weights of a model cannot be fetched, or the answer is not what was announced: exit code 3."""

    exit_code = 3


class RuntimeMissingError(GeosegError):
    """A runtime, device or optional package is not there: exit code 5."""

    exit_code = 5


class OutputError(GeosegError, OSError):
    """An output cannot be written, or exists and may not be replaced: exit code 6."""

    exit_code = 6
