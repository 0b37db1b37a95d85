"""Products of permanent water: how they are recognised, and which values mean permanent water."""

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
        raise ValueError(f"{text!r} is not a regular expression: {error}") from error
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]
"""A regular expression that is matched ignoring case."""

Values = tuple[float | tuple[float, float], ...]
"""Single values, and ranges that include both ends."""


class ReferenceSpec(Spec):
    """A product of permanent water, or a product that is mistaken for one and is refused."""

    name: str
    title: str
    file_patterns: tuple[Pattern, ...] = ()
    """Patterns to find in the name of the file or of its folders."""
    bands: tuple[Pattern, ...] = ()
    """Patterns that match the complete description of a band."""
    tags: tuple[Pattern, ...] = ()
    """Patterns to find in the tags of the file or band, written as lines `KEY=value`."""
    colours: tuple[dict[int, Colour], ...] = ()
    """Colour tables by value; the product is recognised if all entries of one table agree."""
    telling: tuple[int, ...] = ()
    """Values of this product only; it is recognised if one occurs and all other values are among `values`."""
    values: Values
    """All values of the product except `fill`."""
    quantity: str = ""
    """Quantity of continuous values, such as percent of the time; empty: values are codes."""
    fill: tuple[float, ...] = ()
    """Values that are not observed, with or without a nodata tag."""
    permanent: Values = ()
    """Values that mean permanent water; empty for refused products."""
    refused: str = ""
    """Reason why the product is refused, and a replacement."""
    warning: str = ""
    """Text of the warning if the product is used."""
    citation: str

    @model_validator(mode="after")
    def _serves_or_not(self) -> ReferenceSpec:
        if bool(self.permanent) == bool(self.refused):
            raise ValueError("a product needs either permanent or refused")
        return self


class PolygonColumn(Spec):
    """A column that marks polygons which are not permanent water."""

    column: str
    """Name of the column, ignoring case."""
    excluded: tuple[str | int, ...]
    """Values of the polygons that are excluded."""
    of: str
    """Data set that has the column."""


class PolygonsSpec(Spec):
    """Rules for reading polygons of water from public data sets."""

    columns: tuple[PolygonColumn, ...]
    refused: dict[Pattern, str] = {}
    """Reason for refusal by file name pattern."""
    citation: str
