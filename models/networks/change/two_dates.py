"""The channels of each date."""

from __future__ import annotations

from collections.abc import Sequence

from geoseg.errors import UsageError


def dates_of(bands: Sequence[str]) -> tuple[list[int], list[int]]:
    """Return the channels of the earlier and of the later date.

    Bands of one date are plain, those of the other have a prefix: `after:red`, or `before:red`.

    Raises:
        UsageError: there are not two dates of the same bands.
    """
    prefixes = {band.rpartition(":")[0] for band in bands} - {""}
    plain = [i for i, band in enumerate(bands) if ":" not in band]
    prefix = next(iter(prefixes), "after")
    other = [i for i, band in enumerate(bands) if ":" in band]
    names = [bands[i] for i in plain], [bands[i].removeprefix(f"{prefix}:") for i in other]
    if len(prefixes) != 1 or prefix not in {"after", "before"} or names[0] != names[1]:
        raise UsageError(
            f"a network of two dates needs the same bands of both dates, the second ones named after:NAME; "
            f"not {', '.join(bands)}"
        )
    return (plain, other) if prefix == "after" else (other, plain)
