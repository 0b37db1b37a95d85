"""Options of messages as a caller in Python writes them: `--min-area 500` is `min_area=500`.

Errors and warnings are written for the command line, in one place each, and put every option with its value
between backticks. Here options of the function change their form; commands and other programs' options stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import get_origin

from pydantic import BaseModel

from geoseg.errors import GeosegError
from geoseg.run_record import RunWarning
from geoseg.spec.request import Place, bare_type, places


def in_python(text: str, kind: type[BaseModel]) -> str:
    """Return a message whose options are arguments of a function.

    Args:
        text: of an error or a warning.
        kind: the request that the function makes, whose options change their form.
    """
    known = places(kind)
    return "`".join(_argument(part, known) if part.startswith("--") else part for part in text.split("`"))


@contextmanager
def errors_in_python(kind: type[BaseModel]) -> Iterator[None]:
    """Raise the errors of a block with messages for a caller in Python.

    Args:
        kind: the request that the caller's arguments make.
    """
    try:
        yield
    except GeosegError as error:
        error.args = tuple(in_python(item, kind) if isinstance(item, str) else item for item in error.args)
        raise


def warnings_in_python(warnings: tuple[RunWarning, ...], kind: type[BaseModel]) -> tuple[RunWarning, ...]:
    """Return the warnings of a run in the words of a caller in Python."""
    return tuple(item.model_copy(update={"text": in_python(item.text, kind)}) for item in warnings)


def _argument(option: str, known: Mapping[str, Place]) -> str:
    """Return an option such as `--name` or `--name value` as an argument, if it is one of the function."""
    flag, _, value = option.partition(" ")
    name = flag.removeprefix("--")
    place = known.get(name) or known.get(name.removeprefix("no-"))
    if place is None:
        return option
    label, kind = place.name.replace("-", "_"), bare_type(place.field.annotation)
    if kind is bool:
        return f"{label}={name == place.name}"
    if not value:
        return label
    key, equals, item = value.partition("=")
    if equals and get_origin(kind) is dict:
        return f'{label}={{"{key}": {_literal(item)}}}'
    return f"{label}={_literal(value)}"


def _literal(value: str) -> str:
    """Return a value as Python writes it; numbers and placeholders such as `PATH` stay as they are."""
    try:
        float(value)
    except ValueError:
        return value if value.isupper() else f'"{value}"'
    return value
