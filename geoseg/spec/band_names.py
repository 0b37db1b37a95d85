"""Names of bands of several dates: `red` of the first date, `t2:red` or `before:red` of another one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

COLOURS = frozenset({"red", "green", "blue"})
"""Bands of a picture in colours: without infrared, no method tells water from shadow."""


def date_of(band: str) -> str:
    """Return the prefix of a band's date; empty: it has none."""
    return band.rpartition(":")[0]


def plain_name(band: str) -> str:
    """Return the name of a band without the prefix of its date."""
    return band.rpartition(":")[2]


def by_date(bands: Iterable[str]) -> dict[str, list[int]]:
    """Return the positions of the bands of each date by its prefix, in the order of first appearance."""
    found: dict[str, list[int]] = {}
    for index, band in enumerate(bands):
        found.setdefault(date_of(band), []).append(index)
    return found


def few_names(names: Sequence[str], most: int = 8) -> str:
    """Return names as text for a message: all, or the first and the number of the others."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
