"""What describes a product of known water: how it is recognised, and which of its values mean permanent."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, model_validator

from geoseg.spec.base import Colour, Spec


def _pattern(text: str) -> str:
    """Check a regular expression."""
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from error
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]
"""A regular expression, matched without regard to case."""

Values = tuple[float | tuple[float, float], ...]
"""Single values, and ranges with both ends."""


class ReferenceSpec(Spec):
    """A product of known water, or one that is taken for it and cannot serve."""

    name: str
    title: str
    file_patterns: tuple[Pattern, ...] = ()
    """Found anywhere in the name of the file or of a folder that holds it."""
    bands: tuple[Pattern, ...] = ()
    """A band's whole description."""
    tags: tuple[Pattern, ...] = ()
    """Found anywhere in the file's or band's tags, written as lines `KEY=value`."""
    colours: tuple[dict[int, Colour], ...] = ()
    """Entries of colour tables by value: one table whose entries all agree tells the product."""
    telling: tuple[int, ...] = ()
    """Values that no other product has: one of them tells the product where all values are its own."""
    values: Values
    """All that it may hold besides `fill`."""
    quantity: str = ""
    """What its values count, of products that are no codes: percent of the time."""
    fill: tuple[float, ...] = ()
    """Not observed, whether a nodata tag says so or not."""
    permanent: Values = ()
    """Which values mean permanent water; none of products that cannot serve."""
    refused: str = ""
    """Why it cannot serve, and what to give instead."""
    warning: str = ""
    """What to know of a map made with it."""
    citation: str

    @model_validator(mode="after")
    def _serves_or_not(self) -> ReferenceSpec:
        if bool(self.permanent) == bool(self.refused):
            raise ValueError("a product has values of permanent water, or a reason why it is refused")
        return self


class PolygonColumn(Spec):
    """A column of polygons that tells which of them are no permanent water."""

    column: str
    """Matched without regard to case."""
    excluded: tuple[str | int, ...]
    """Values of polygons that are left out."""
    of: str
    """Whose column it is."""


class PolygonsSpec(Spec):
    """How the polygons of water that agencies deliver are read."""

    columns: tuple[PolygonColumn, ...]
    refused: dict[Pattern, str] = {}
    """Why files of such names cannot serve."""
    citation: str
