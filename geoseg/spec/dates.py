"""Dates as users write them: ISO 8601, down to a year alone."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

Period = tuple[datetime, datetime]
"""Begin and end of a time in UTC, the end excluded."""

_MONTHS = 12


def period_of(text: str) -> Period:
    """Return the time that a date means: `2018` is the year, `2018-06` the month, `2018-06-01` the day.

    A time at midnight is taken for its day, since names of products often tell the day alone.

    Raises:
        ValueError: it is no date.
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
    """Turn what YAML reads as a date or a number back into text."""
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, int) else value


def _checked(text: str) -> str:
    try:
        period_of(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no date: write 2018, 2018-06, 2018-06-01 or 2018-06-01T10:30:00Z"
        ) from None
    return text


DateText = Annotated[str, BeforeValidator(_as_text), AfterValidator(_checked)]
"""A date in ISO 8601."""
