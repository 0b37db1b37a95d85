"""Colours for classes whose source names none."""

from __future__ import annotations

_RASTER = ("#2b83ba", "#d7191c", "#fdae61", "#1a9641", "#7b3294", "#a6611a", "#80cdc1", "#dfc27d")
"""`#rrggbb` by class value. ColorBrewer."""

_MODEL = ("#d9d9d9", "#1f78b4", "#33a02c", "#e31a1c", "#ff7f00", "#6a3d9a", "#b15928", "#a6cee3", "#b2df8a")
"""`#rrggbb` by position of the class; the first suits a background. ColorBrewer's Paired."""


def raster_colour(value: int) -> str:
    """Return the colour of a class of a raster by its value; colours repeat."""
    return _RASTER[value % len(_RASTER)]


def model_colour(position: int) -> str:
    """Return the colour of a class of a model by its position; colours repeat."""
    return _MODEL[position % len(_MODEL)]
