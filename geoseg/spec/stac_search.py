"""A search for STAC items: where, which collections, when, and conditions on properties."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue

from geoseg.spec.base import Spec
from geoseg.spec.dates import Period, period_of
from geoseg.spec.option import INPUT, Option

Comparison = Literal["<=", ">=", "!=", "<", ">", "="]
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
_CONDITION = re.compile(r"\s*([\w:.-]+?)\s*(<=|>=|!=|<|>|=)\s*(.*?)\s*")

ALWAYS = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
"""The period of a search without dates."""


class Condition(Spec):
    """A condition on a property of items, such as `eo:cloud_cover<20`."""

    name: str
    comparison: Comparison
    value: float | str

    def holds(self, properties: Mapping[str, JsonValue]) -> bool:
        """Return whether the properties of an item meet the condition; a missing property does not."""
        found = properties.get(self.name)
        if isinstance(found, bool) or not isinstance(found, int | float | str):
            return False
        if isinstance(found, str) != isinstance(self.value, str):
            # A number that one of the two writes as text.
            try:
                return _COMPARE[self.comparison](float(found), float(self.value))
            except ValueError:
                return self.comparison == "!="
        return _COMPARE[self.comparison](found, self.value)


def parse_condition(value: object) -> object:
    """Parse `NAME<VALUE`, with one of `<`, `<=`, `>`, `>=`, `=` and `!=`.

    Raises:
        ValueError: the text has another form.
    """
    if not isinstance(value, str):
        return value
    parts = _CONDITION.fullmatch(value)
    if parts is None or not parts[3]:
        raise ValueError(f"{value!r} is not a condition; write eo:cloud_cover<20 or platform=sentinel-2a")
    try:
        wanted: float | str = float(parts[3])
    except ValueError:
        wanted = parts[3]
    return {"name": parts[1], "comparison": parts[2], "value": wanted}


def interval_of(value: str) -> Period:
    """Return start and end (excluded) of `A/B`; `..` or nothing is an open end, one date a period itself.

    Raises:
        ValueError: the text is not an interval, or ends before it begins.
    """
    begin, mark, end = value.partition("/")
    first = ALWAYS[0] if begin in {"", ".."} else period_of(begin)[0]
    if not mark:
        return period_of(begin)
    last = ALWAYS[1] if end in {"", ".."} else period_of(end)[1]
    if last <= first:
        raise ValueError(f"{value!r} ends before it begins; write A/B")
    return first, last


def _checked(value: str) -> str:
    try:
        interval_of(value)
    except ValueError as error:
        raise ValueError(
            f"{value!r} is not an interval; write 2024-05-01/2024-06-30, 2024-05, or ../2024-06 ({error})"
        ) from None
    return value


class StacSearchSpec(Spec):
    """A search for scenes in a STAC API, a catalogue or an item collection."""

    stac: Annotated[
        str | None,
        Option(
            "Where to search for scenes: the address of a STAC API, or the address or path of a catalogue, a "
            "collection or an item collection.",
            metavar="URL",
            panel=INPUT,
        ),
    ] = None
    collection: Annotated[
        tuple[str, ...],
        Option("Collection of the scenes. Repeatable.", metavar="ID", panel=INPUT),
    ] = ()
    datetime: Annotated[
        str | None,
        AfterValidator(_checked),
        Option("Dates of the scenes: A/B, or one day, month or year.", metavar="A/B", panel=INPUT),
    ] = None
    query: Annotated[
        tuple[Annotated[Condition, BeforeValidator(parse_condition)], ...],
        Option(
            "Condition on a property of the scenes, such as eo:cloud_cover<20. Repeatable: all must hold.",
            metavar="NAME<VALUE",
            panel=INPUT,
        ),
    ] = ()
    max_items: Annotated[
        int | None,
        Field(ge=1),
        Option("Take the first N scenes that are found.", metavar="N", panel=INPUT, default="all"),
    ] = None

    @property
    def period(self) -> Period:
        """Start and end (excluded) of the scenes."""
        return ALWAYS if self.datetime is None else interval_of(self.datetime)
