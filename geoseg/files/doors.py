"""Doors: where files of users are opened and read, exceptions of libraries become errors of geoseg.

GDAL, rasterio, pyogrio, GEOS, PROJ, HDF5, yaml, json and the runtimes of networks raise exceptions without a
common base class, and a damaged file can raise any of them, from an IndexError of a FlatGeobuf to the
OverflowError of a transform of NaN. Each function here is the door of one kind of input. Code that opens or
reads such inputs stands inside a door; code deeper down catches only exceptions that it can answer.

A test holds this. Errors of geoseg pass through a door unchanged. A missing Python package passes too: the
file is not at fault.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from geoseg.errors import GeosegError, ModelError, SceneReadError, ShortageError, UsageError
from geoseg.files.machine import OPEN_FILES, few_files

MOST = 300
"""Characters of a library's message that are told."""


def cause(error: BaseException) -> str:
    """Return in one line what a library reports; for exceptions without a message, what they mean."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    if isinstance(error, UnicodeError):
        return "a text in it is not valid UTF-8"
    # rasterio raises GDAL's message as the cause of a message that says less.
    text = " ".join(str(error.__cause__ or error).split())
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    # A text of one word, such as that of a KeyError, says nothing without the name of the exception.
    named = text if " " in text else f"{type(error).__name__} {text}".rstrip()
    return named if len(named) <= MOST else f"{named[:MOST]} …"


@contextmanager
def opening(
    what: object,
    remedy: str = "check that the file is complete",
    *,
    kind: str = "",
    passing: tuple[type[Exception], ...] = (),
) -> Iterator[None]:
    """Door of scenes, layers, areas of interest, points and tables: failures become `SceneReadError`.

    Args:
        what: the path, for the message.
        remedy: what the user can do.
        kind: what the file should be, such as wind; empty: not said.
        passing: exceptions that the caller answers.
    """
    failure = f"cannot be read as {kind}" if kind else "cannot be read"

    def told(text: str) -> SceneReadError:
        if "No such file or directory" in text and not os.path.exists(str(what)):
            return SceneReadError(f"{what} does not exist; check the path")
        return SceneReadError(f"{what} {failure} ({text}); {remedy}")

    with _door(told, passing):
        yield


@contextmanager
def reading(what: object) -> Iterator[None]:
    """Door of windows of open scenes and layers: failures become `SceneReadError`.

    Args:
        what: path, bands and place, for the message.
    """
    with _door(
        lambda text: SceneReadError(
            f"{what}: cannot be read ({text}); the file may be truncated: download it again"
        )
    ):
        yield


@contextmanager
def loading(
    what: object,
    failure: str = "cannot be read or run",
    remedy: str = "check the files of the model",
    *,
    passing: tuple[type[Exception], ...] = (),
) -> Iterator[None]:
    """Door of bundles and networks: failures become `ModelError`.

    Args:
        what: path of the description or the weights, or the runtime, for the message.
        failure: what cannot be done.
        remedy: what the user can do.
        passing: exceptions that the caller answers.
    """
    with _door(lambda text: ModelError(f"{what}: {failure} ({text}); {remedy}"), passing):
        yield


@contextmanager
def parsing(what: object) -> Iterator[None]:
    """Door of configs and other texts of a request: failures become `UsageError`.

    Args:
        what: path, for the message.
    """
    with _door(lambda text: UsageError(f"{what}: cannot be read ({text})")):
        yield


@contextmanager
def _door(
    translate: Callable[[str], GeosegError], passing: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Raise `translate(cause)` for an exception that is neither geoseg's own nor of a missing package."""
    unchanged: tuple[type[Exception], ...] = (GeosegError, ImportError, *passing)
    try:
        yield
    except unchanged:
        raise
    except Exception as error:
        if few_files(error):
            raise ShortageError(OPEN_FILES) from error
        raise translate(cause(error)) from error
