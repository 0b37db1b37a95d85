"""Files that do not exist: which option of a request names them, for the messages of errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from pydantic import BaseModel

from geoseg.errors import GeosegError
from geoseg.spec.request import Place, places, to_options

_MISSING = re.compile(r"(?P<path>.+?) does not exist;", re.DOTALL)
"""Beginning of the message of each reader, which knows the path and not the option."""


@contextmanager
def naming_missing_files(request: BaseModel, where: Callable[[Place], str]) -> Iterator[None]:
    """Name the option of a file that does not exist in the error of a block.

    Args:
        request: whose files the block reads.
        where: returns the text by which a message names an option; empty: the path says enough.
    """
    try:
        yield
    except GeosegError as error:
        found = _MISSING.match(str(error))
        named = where(place) if found and (place := _place_of(request, found["path"])) else ""
        if named:
            error.args = (f"{named}: {error}", *error.args[1:])
        raise


def _place_of(request: BaseModel, path: str) -> Place | None:
    """Return the first option that has a path; None: no option has it."""
    known = places(type(request))
    return next(
        (known[name] for name, value in to_options(request).items() if _has(value, path)),
        None,
    )


def _has(value: object, path: str) -> bool:
    """Return whether a value is a path, holds it, or names a band of it (`PATH:INDEX`)."""
    if isinstance(value, Mapping):
        return any(_has(item, path) for item in value.values())
    if isinstance(value, list | tuple):
        return any(_has(item, path) for item in value)
    return isinstance(value, str) and re.fullmatch(rf"{re.escape(path)}(:\d+)?", value) is not None
