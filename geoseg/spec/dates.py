"""Dates in ISO 8601, where month and day may be missing."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

Period = tuple[datetime, datetime]
"""Start and end in UTC; the end is excluded."""

_MONTHS = 12


def period_of(text: str) -> Period:
    """Return the period of a date: `2018` is a year, `2018-06` a month, `2018-06-01` a day.

    A time at midnight counts as the whole day, since product names often contain only the day.

    Raises:
        ValueError: the text is not a date.
    """
    parts = re.fullmatch(r"(\d{4})(?:-(\d{2}))?", text)
    if parts is not None:
        year, month = int(parts[1]), int(parts[2] or 1)
        begin = datetime(year, month, 1, tzinfo=UTC)
        follows = (year + 1, 1) if parts[2] is None or month == _MONTHS else (year, month + 1)
        return begin, datetime(*follows, 1, tzinfo=UTC)
    begin = datetime.fromisoformat(text)
    begin = begin.replace(tzinfo=UTC) if begin.tzinfo is None else begin.astimezone(UTC)
    midnight = begin == begin.replace(hour=0, minute=0, second=0, microsecond=0)
    return begin, begin + (timedelta(days=1) if midnight else timedelta(microseconds=1))


def _as_text(value: object) -> object:
    """Convert dates and integers, as parsed by YAML, to text."""
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, int) else value


def _checked(text: str) -> str:
    try:
        period_of(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is not a date; write 2018, 2018-06, 2018-06-01 or 2018-06-01T10:30:00Z"
        ) from None
    return text


DateText = Annotated[str, BeforeValidator(_as_text), AfterValidator(_checked)]
"""A date in ISO 8601."""
