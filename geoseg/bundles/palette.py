"""Colours for classes whose source names none."""

from __future__ import annotations

PALETTE = ("#d9d9d9", "#1f78b4", "#33a02c", "#e31a1c", "#ff7f00", "#6a3d9a", "#b15928", "#a6cee3", "#b2df8a")
"""`#rrggbb`; the first suits a background. ColorBrewer's Paired, which neighbours can be told apart in."""


def colour(index: int) -> str:
    """Return the colour of a class by its position; they repeat."""
    return PALETTE[index % len(PALETTE)]
