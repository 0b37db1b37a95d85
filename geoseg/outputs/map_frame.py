"""The frame of a map: north arrow, scale bar, colour bar."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw

from geoseg.outputs.lettering import INK, PAPER, QUIET, Font, drawable
from geoseg.outputs.styles import rgb

Floats = NDArray[np.float64]

BAR_HEIGHT, BAR_WIDTH = 160, 18
"""px of a colour bar."""

BLUES = ("#08172e", "#08306b", "#08519c", "#2171b5", "#4292c6", "#6baed6", "#9ecae1", "#deebf7", "#ffffff")
"""Colours from low to high values (ColorBrewer Blues), on which red and orange outlines are visible."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Place:
    """Where a map lies."""

    lonlat: Callable[[Floats, Floats], tuple[Floats, Floats]]
    """Longitude and latitude in degrees of rows and columns of the background, which may be fractions."""
    north: tuple[float, float] | None
    """Direction of north as (columns, rows) per unit of length; None: the map is centred on a pole."""
    crs: str
    """Name of the CRS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourBar:
    """A measured quantity as the background of a map."""

    title: str
    unit: str
    low: float
    high: float


def ramp(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return red, green and blue (3, h, w) of values in 0..1; NaN stays NaN."""
    stops = np.array([rgb(colour) for colour in BLUES]) / 255
    at = np.linspace(0, 1, len(stops))
    clipped = np.clip(values, 0, 1)
    return np.stack([np.interp(clipped, at, stops[:, band]) for band in range(3)]).astype(np.float32) + (
        np.where(np.isnan(values), np.nan, 0).astype(np.float32)
    )


def north_arrow(draw: ImageDraw.ImageDraw, centre: tuple[float, float], place: Place, font: Font) -> None:
    """Draw an arrow of 44 px to the north, with its letter; nothing where no direction is north."""
    if place.north is None:
        return
    x, y = centre
    right, down = place.north
    length = math.hypot(right, down) or 1.0
    right, down = right / length, down / length
    tip = (x + 22 * right, y + 22 * down)
    for side, fill in ((1, INK), (-1, PAPER)):
        corner = (x - 14 * right - side * 9 * down, y - 14 * down + side * 9 * right)
        draw.polygon([tip, corner, (x - 8 * right, y - 8 * down)], fill=fill, outline=INK)
    draw.text((x + 34 * right, y + 34 * down), "N", INK, font, anchor="mm")


def scale_bar(
    draw: ImageDraw.ImageDraw, place: tuple[float, float], step: float, widest: float, font: Font
) -> None:
    """Draw a scale bar of a round length; `step` is metres per picture pixel."""
    x, y = place
    length = round_length(step * widest)
    pixels = length / step
    draw.rectangle((x, y, x + pixels / 2, y + 6), fill=INK, outline=INK)
    draw.rectangle((x + pixels / 2, y, x + pixels, y + 6), fill=PAPER, outline=INK)
    text = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    draw.text((x + pixels, y + 12), text, INK, font, anchor="ma")
    draw.text((x, y + 12), "0", INK, font, anchor="la")


def colour_bar(
    draw: ImageDraw.ImageDraw, place: tuple[float, float], bar: ColourBar, fonts: Sequence[Font]
) -> float:
    """Draw a colour bar with its title and three values; return its lower end."""
    x, y = place
    text, small = fonts
    draw.text((x, y), drawable(bar.title), INK, text)
    draw.text((x, y + 22), drawable(f"in {bar.unit}"), QUIET, small)
    top = y + 46
    colours = np.rint(ramp(np.linspace(1, 0, BAR_HEIGHT)[:, None])[:, :, 0].T * 255).astype(int)
    for row, colour in enumerate(colours.tolist()):
        draw.line((x, top + row, x + BAR_WIDTH, top + row), fill=tuple(colour))
    draw.rectangle((x, top, x + BAR_WIDTH, top + BAR_HEIGHT), outline=QUIET)
    for share, value in ((0, bar.high), (0.5, (bar.low + bar.high) / 2), (1, bar.low)):
        draw.text((x + BAR_WIDTH + 10, top + share * BAR_HEIGHT), f"{value:,.0f}", INK, small, anchor="lm")
    return top + BAR_HEIGHT + 18


def round_length(most: float) -> float:
    """Return the largest of 1, 2 and 5 times a power of ten that is at most `most` (> 0)."""
    # Half: the logarithm may be rounded up to the next power.
    power = 10.0 ** math.floor(math.log10(most))
    return max(factor * power for factor in (0.5, 1, 2, 5) if factor * power <= most)
