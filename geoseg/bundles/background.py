"""The background among the classes of a network; it gets no polygons."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from geoseg.errors import ModelError
from geoseg.spec import ClassSpec

Names = Mapping[int, Sequence[str]]
"""Names of each class, by value."""

BACKGROUND = frozenset({"background", "bg"})
"""Names of the background, for any number of classes."""

NEGATIVE = re.compile(
    r"background|bg|(dry )?land|others?|rest|nothing|none|negative|(no|non|not) .*|"
    r"un(changed|flooded|burne?[dt]|damaged)"
)
"""Names of the background of two classes, if only one of them matches."""

NAMELESS = re.compile(r"(class ?)?0?|un(labell?ed|classified|known).*")
"""Names of a class of value 0 without meaning."""


def background_first(
    listed: Sequence[ClassSpec], background: int | None
) -> tuple[tuple[ClassSpec, ...], int | None, tuple[int, ...]]:
    """Order classes with the background first.

    Args:
        listed: classes in the order of the output planes.
        background: value of the background; None: there is none.

    Returns:
        The classes; the value of the background, None without one; and the output plane of each class, empty
        if the planes are in the order of the classes.
    """
    values = [entry.value for entry in listed]
    first = values.index(background) if background in values else 0
    order = (first, *(plane for plane in range(len(values)) if plane != first))
    classes = tuple(listed[plane] for plane in order)
    return classes, background if background in values else None, order if first else ()


def stated_background(names: Names, stated: int | str | None, where: str) -> int | None:
    """Return the value of the class that a description names as the background.

    Args:
        names: names of the classes.
        stated: value or name of the background; None: every class is mapped.
        where: the key, for messages.

    Raises:
        ModelError: no class has this value or name.
    """
    if stated is None:
        return None
    for value, labels in names.items():
        if value == stated or _normalised(str(stated)) in map(_normalised, labels):
            return value
    known = ", ".join(f"{value} {labels[0]}" for value, labels in names.items())
    raise ModelError(f"{where} is {stated!r}, but the classes are {known}")


def guessed_background(names: Names) -> int | None:
    """Return the value of the class that is the background by its name or value; None: every class is mapped.

    The background is the class with that name; else, of two classes, the one with a negative name (`no
    water`, `land`), or value 0. Of more than two, value 0 is the background only if its name has no meaning:
    many networks number land cover from 0, and their first class is an ordinary class.

    Args:
        names: names of the classes, without the class of pixels that were not observed.
    """
    plain = {value: [_normalised(name) for name in labels] for value, labels in names.items()}
    named = [value for value, labels in plain.items() if BACKGROUND & set(labels)]
    if len(named) == 1:
        return named[0]
    negative = [value for value, labels in plain.items() if any(map(NEGATIVE.fullmatch, labels))]
    if len(plain) == 2:
        if len(negative) == 1:
            return negative[0]
        return 0 if 0 in plain else None
    return 0 if 0 in plain and (0 in negative or all(map(NAMELESS.fullmatch, plain[0]))) else None


def _normalised(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()
