"""Whether two dates are in order."""

from __future__ import annotations

from geoseg.engine.make_map import Ledger
from geoseg.spec import period_of


def warn_of_order(dates: tuple[str, str], ledger: Ledger) -> None:
    """Warn where the first date is certainly later than the second.

    Args:
        dates: ISO 8601 or empty; a year or month alone is the whole of it.
        ledger: hears the warning.
    """
    if not all(dates):
        return
    (begin, _), (_, end) = (period_of(date) for date in dates)
    if begin >= end:
        ledger.warn(
            f"BEFORE ({dates[0]}) is later than AFTER ({dates[1]}): gain and loss, from and to are reversed. "
            "Exchange the two scenes"
        )
