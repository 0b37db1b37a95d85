"""Options of messages as a caller in Python writes them: `--min-area 500` is `min_area=500`.

Errors and warnings are written for the command line, in one place each; here their words change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal, get_args, get_origin

from pydantic import BaseModel

from geoseg.errors import GeosegError
from geoseg.run_record import RunWarning
from geoseg.spec.request import Place, bare_type, places

_OPTION = re.compile(r"--(no-)?([a-z][a-z0-9-]*)(?![\w-])(?:[ =]((?:[^\s,;:()`]|[:,](?=[^\s]))+))?")
"""An option, and the word behind it, which may be its value."""
_COMMAND = re.compile(
    r"`?geoseg (?:batch|bench|change|doctor|embed|evaluate|export|fit|flood|info|methane|models|segment|"
    r"train|vectorize)\b[^;()`\n]*"
)
"""A command for a terminal, which stays as it is."""
_FOLLOWING = (
    "a all also an and are as asks at by can cannot demands exclude finds for from gives goes has have "
    "holds if in is it leaves makes means must named names needs not of on only or out over reads says sets "
    "should states than that the then there to uses was were where which with without writes yields"
)
_PROSE = frozenset(_FOLLOWING.split())
"""Words that follow an option and are not its value."""


def in_python(text: str, kind: type[BaseModel]) -> str:
    """Return a message whose options are arguments of a function.

    Args:
        text: of an error, warning or note.
        kind: the request, whose options change their form; others are of other programs.
    """
    known = places(kind)
    parts, end = [], 0
    for command in _COMMAND.finditer(text):
        parts += [_arguments(text[end : command.start()], known), command[0]]
        end = command.end()
    return "".join((*parts, _arguments(text[end:], known)))


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


def _arguments(text: str, known: Mapping[str, Place]) -> str:
    """Return text with all options in it as arguments."""

    def argument(found: re.Match[str]) -> str:
        off, name, word = bool(found[1]), found[2], found[3] or ""
        if off and f"no-{name}" in known:
            off, name = False, f"no-{name}"
        if name not in known:
            return found[0]
        place, label = known[name], name.replace("-", "_")
        behind = found[0][found.end(2) - found.start() :]
        if off or bare_type(place.field.annotation) is bool:
            return f"{label}={not off}{behind}"
        end = re.search(r"[.'\"`]*$", word)
        value = word[: end.start()] if end else word
        if not _is_value(value, place):
            begins = not behind and found.string.startswith(":", found.end())  # a message about the option
            return f"{label}{'' if begins else '='}{behind}"
        return f"{label}={_literal(value, place)}{word[len(value) :]}"

    return _merged(_OPTION.sub(argument, text))


def _is_value(word: str, place: Place) -> bool:
    """Return whether a word behind an option is its value."""
    kind = bare_type(place.field.annotation)
    if get_origin(kind) is Literal:
        return word in get_args(kind) or word in place.option.choices
    if re.search(r"[0-9=/.{}]", word) or word.isupper():
        return True
    return kind is str and bool(re.fullmatch(r"[a-z][a-z-]*", word)) and word not in _PROSE


def _literal(word: str, place: Place) -> str:
    """Return a value as Python writes it; placeholders and numbers as they are."""
    name, equals, path = word.partition("=")
    if equals and get_origin(bare_type(place.field.annotation)) is dict:
        return f'{{"{name}": {path if path.isupper() else _quoted(path)}}}'
    if re.fullmatch(r"[A-Z][A-Z0-9_|,.:\[\]=/]*", word) or re.fullmatch(r"-?[0-9][0-9.e-]*", word):
        return word
    return _quoted(word)


def _quoted(text: str) -> str:
    return f'"{text}"'


def _merged(text: str) -> str:
    """Return text in which an argument that stands several times in a row is one mapping."""
    again = re.compile(r"\b(\w+)=\{([^{}]*)\}((?:,| and|, and)? )\1=\{([^{}]*)\}")
    while again.search(text):
        text = again.sub(r"\1={\2, \4}", text, count=1)
    return text
