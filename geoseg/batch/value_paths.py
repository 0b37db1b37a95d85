"""Paths in the values of options: a scene's own options come from tables, and workers have another folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from geoseg.spec.batch import OptionValue
from geoseg.spec.request import Place

_WORDS = ("FILE", "PATH", "SCENE", "RASTER")
"""Words of a metavar that stand for a path."""


def is_path(place: Place) -> bool:
    """Return whether the value of an option may be a path; arguments of mapping commands always are."""
    return place.scenes or place.option.argument or any(word in place.option.metavar for word in _WORDS)


def with_paths(place: Place, value: OptionValue, found: Callable[[str], str | None]) -> OptionValue:
    """Return the value of an option with its paths replaced.

    Args:
        place: of the option; a value that is no path stays.
        value: one or several texts, `NAME=PATH` or `PATH:INDEX` where the option has these forms.
        found: returns the path that replaces a text; None: the text is no path of a file that exists.
    """
    if not is_path(place):
        return value
    if isinstance(value, Mapping):
        return {name: _text(place, text, found) for name, text in value.items()}
    if isinstance(value, list):
        return [_text(place, str(item), found) for item in value]
    return _text(place, value, found) if isinstance(value, str) else value


def _text(place: Place, text: str, found: Callable[[str], str | None]) -> str:
    if (path := found(text)) is not None:
        return path
    name, equals, rest = text.partition("=")
    if equals and place.option.metavar.startswith("NAME="):
        return f"{name}={_text(place, rest, found)}"
    head, colon, index = text.rpartition(":")
    if colon and "[:" in place.option.metavar and (path := found(head)) is not None:
        return f"{path}:{index}"
    return text
