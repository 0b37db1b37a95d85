"""Check the order of two dates."""

from __future__ import annotations

import logging

from geoseg.messages import warn
from geoseg.spec import period_of

LOG = logging.getLogger(__name__)


def warn_of_order(dates: tuple[str, str]) -> None:
    """Warn where the first date is later than the second.

    Args:
        dates: ISO 8601 or empty; a year or a month means all of it.
    """
    if not all(dates):
        return
    (begin, _), (_, end) = (period_of(date) for date in dates)
    if begin >= end:
        warn(
            LOG,
            "dates-out-of-order",
            f"BEFORE ({dates[0]}) is later than AFTER ({dates[1]}): gain and loss, from and to are reversed. "
            "Exchange the two scenes",
        )
