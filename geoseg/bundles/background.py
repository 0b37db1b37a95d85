"""Which of a network's classes is the background, that gets no polygons."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from geoseg.errors import ModelError
from geoseg.spec import ClassSpec

Names = Mapping[int, Sequence[str]]
"""What each class is called, by value."""

BACKGROUND = frozenset({"background", "bg"})
"""Names of a background among any number of classes."""

NEGATIVE = re.compile(
    r"background|bg|(dry )?land|others?|rest|nothing|none|negative|(no|non|not) .*|"
    r"un(changed|flooded|burne?[dt]|damaged)"
)
"""Names of what is not mapped, where there are two classes and only one has such a name."""

NAMELESS = re.compile(r"(class ?)?0?|un(labell?ed|classified|known).*")
"""Names of a class of value 0 that say nothing of what it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arranged:
    """Classes with the background first."""

    classes: tuple[ClassSpec, ...]
    background: int | None
    """Its value; None: there is none."""
    planes: tuple[int, ...]
    """Output plane of each class; empty: their own order."""


def arrange(listed: Sequence[ClassSpec], background: int | None) -> Arranged:
    """Put the background first.

    Args:
        listed: classes in the order of the graph's output planes.
        background: value of the background; None: there is none.
    """
    values = [entry.value for entry in listed]
    first = values.index(background) if background in values else 0
    order = (first, *(plane for plane in range(len(values)) if plane != first))
    return Arranged(
        classes=tuple(listed[plane] for plane in order),
        background=background if background in values else None,
        planes=order if first else (),
    )


def stated_background(names: Names, said: int | str | None, where: str) -> int | None:
    """Return the value of the class that a description names as the background.

    Args:
        names: of the classes.
        said: its value or name; None: every class is mapped.
        where: the key, for messages.

    Raises:
        ModelError: no class has this value or name.
    """
    if said is None:
        return None
    for value, own in names.items():
        if value == said or _plain(str(said)) in map(_plain, own):
            return value
    known = ", ".join(f"{value} {own[0]}" for value, own in names.items())
    raise ModelError(f"{where} names {said!r}, which is none of the classes: {known}")


def guessed_background(names: Names) -> int | None:
    """Return the value of the class that is the background by its name or value; None: all are mapped.

    It is the class called background; of two classes, else the one whose name denies something (`no water`,
    `land`), else value 0. Of more than two, value 0 counts only if its name says nothing: many networks count
    land cover from 0, and their first class is as good as any other.

    Args:
        names: of the classes, without one that stands for pixels that were not observed.
    """
    plain = {value: [_plain(name) for name in own] for value, own in names.items()}
    called = [value for value, own in plain.items() if BACKGROUND & set(own)]
    if len(called) == 1:
        return called[0]
    denied = [value for value, own in plain.items() if any(map(NEGATIVE.fullmatch, own))]
    if len(plain) == 2:
        if len(denied) == 1:
            return denied[0]
        return 0 if 0 in plain else None
    return 0 if 0 in plain and (0 in denied or all(map(NAMELESS.fullmatch, plain[0]))) else None


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()
