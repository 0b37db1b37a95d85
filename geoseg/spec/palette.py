"""Colours for classes whose source names none."""

from __future__ import annotations

_RASTER = (
    "#2b83ba", "#d7191c", "#fdae61", "#1a9641", "#7b3294", "#a6611a", "#80cdc1", "#dfc27d",
    "#ffff33", "#67001f", "#e7298a", "#00441b", "#fb9a99", "#a6d854", "#08306b", "#bc80bd",
    "#ff7f00", "#543005", "#e6ab02", "#ffed6f", "#01665e", "#d53e4f", "#40004b", "#1b9e77",
    "#8e0152", "#7f0000", "#f46d43", "#cab2d6", "#f781bf", "#ccebc5", "#ffffb3", "#b2df8a",
)  # fmt: skip
"""`#rrggbb` by class value. ColorBrewer; from the ninth on, each is the colour of its schemes that differs
most from all before it and from white, black and the greys of pictures (CIELAB, at least 22)."""

_MODEL = (
    "#d9d9d9", "#1f78b4", "#33a02c", "#e31a1c", "#ff7f00", "#6a3d9a", "#b15928", "#a6cee3",
    "#b2df8a", "#e7298a", "#ffff33", "#00441b", "#67001f", "#fdbf6f", "#fb9a99", "#1b9e77",
    "#bc80bd", "#543005", "#08306b", "#d53e4f", "#e6ab02", "#ffed6f", "#4d004b", "#01665e",
    "#8e0152", "#7f0000", "#cab2d6", "#a6761d", "#f781bf", "#ccebc5", "#ffffb3", "#fc8d62",
)  # fmt: skip
"""`#rrggbb` by position of the class; the first suits a background. ColorBrewer; chosen as above."""


def raster_colour(value: int) -> str:
    """Return the colour of a class of a raster by its value; colours repeat after 32 values."""
    return _RASTER[value % len(_RASTER)]


def model_colour(position: int) -> str:
    """Return the colour of a class of a model by its position; colours repeat after 32 classes."""
    return _MODEL[position % len(_MODEL)]
