"""Draw a map as a picture: scene, classes, graticule, legend, scale bar, north arrow, credits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from geoseg.errors import OutputError
from geoseg.files.disk import writing
from geoseg.files.output_files import OutputFiles
from geoseg.outputs.graticule import graticule
from geoseg.outputs.lettering import INK, PAPER, QUIET, Font, drawable, font, font_for, wrap
from geoseg.outputs.map_frame import ColourBar, Place, colour_bar, north_arrow, scale_bar
from geoseg.outputs.styles import rgb
from geoseg.pixels import Classes, nodata_class
from geoseg.run_record import ClassTotal
from geoseg.spec import ClassSpec

LONG_SIDE = 1000
"""px, about the least longer side of the map; smaller maps are enlarged by a whole factor."""
PANEL_SIDE = 900
"""px, longer side of each panel of a picture with several panels."""
SQUARE = 0.02
"""Difference of an aspect from 1 up to which pixels are drawn as squares."""
_LEGEND = 250
"""px, width of the legend; up to `_WIDEST` for long labels."""
_WIDEST = 420
_LABEL = 38
"""px, from the left of a legend entry to its text."""
_MARGIN = 24
_LATITUDES = 70
"""px, room for latitudes left of the map."""
_APART = 8
"""px between two longitudes below the map; those that would touch are left out."""
_LINE, _SMALL_LINE = 22, 20
_UNSEEN = (222, 226, 230)


@dataclass(frozen=True, kw_only=True, eq=False)
class MapPicture:
    """Everything that the picture of a map shows."""

    background: NDArray[np.floating]
    """(3, h, w) or (h, w), 0..1, NaN where not observed; decimated by the caller."""
    labels: Classes
    """(h, w) class values; nodata where not observed."""
    classes: Sequence[ClassSpec]
    """Drawn and listed in the legend; other values show the scene."""
    panels: Sequence[tuple[str, NDArray[np.floating]]] = ()
    """Titles and pictures of the size of the background, drawn left of the map."""
    title: str = ""
    panel_title: str = ""
    """Title of the map among panels."""
    caption: str = ""
    """Scene and method; wrapped."""
    totals: Sequence[ClassTotal] = ()
    """Of the classes, for the report; the legend may have fewer."""
    areas_m2: Mapping[int, float | None] = field(default_factory=dict)
    """Area by class value, for the legend."""
    place: Place | None = None
    """None: no graticule, north arrow and CRS."""
    pixel_m: float | None = None
    """Width of a pixel of the background on the ground, for the scale bar; None or NaN: no bar."""
    aspect: float = 1.0
    """Height of a pixel over its width on the ground: degrees of longitude are short far from the equator."""
    credits: Sequence[str] = ()
    bar: ColourBar | None = None
    """Quantity that the background shows."""
    fill: float = 0.5
    """Opacity of the classes, 0..1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fonts:
    title: Font
    text: Font
    small: Font


def draw_picture(path: Path, picture: MapPicture, beside: OutputFiles) -> None:
    """Draw a map as a PNG.

    Args:
        path: of the output.
        picture: to be drawn.
        beside: open; has `path` among its targets.

    Raises:
        OutputError: shapes differ, or the file cannot be written.
    """
    try:
        sheet = render(picture)
    except ValueError as error:
        raise OutputError(f"{path}: {error}") from error
    with writing(path):
        sheet.save(beside.path(path), format="PNG")


def render(picture: MapPicture) -> Image.Image:
    """Return the picture of a map.

    Raises:
        ValueError: background and labels differ in size.
    """
    labels = picture.labels
    if picture.background.shape[-2:] != labels.shape:
        raise ValueError(f"background {picture.background.shape} and labels {labels.shape} differ in size")
    side = PANEL_SIDE if picture.panels else LONG_SIDE
    height, width = labels.shape
    factor = max(1, round(side / max(height * max(picture.aspect, 1), width / min(picture.aspect, 1))))
    drawn = in_proportion(
        compose(picture.background, labels, picture.classes, factor, picture.fill), picture.aspect
    )
    unlabelled = np.where(labels == nodata_class(labels.dtype), labels, 0)
    further = [
        (title, in_proportion(compose(image, unlabelled, (), factor), picture.aspect))
        for title, image in picture.panels
    ]
    if picture.panels and max(drawn.size) > side * 1.2:
        share = side / max(drawn.size)
        size = max(1, round(drawn.width * share)), max(1, round(drawn.height * share))
        drawn = drawn.resize(size, Image.Resampling.BOX)
        further = [(title, image.resize(size, Image.Resampling.BOX)) for title, image in further]
    return _Sheet(picture, drawn, further).draw()


def in_proportion(image: NDArray[np.uint8], aspect: float) -> Image.Image:
    """Return a picture (h, w, 3) whose pixels, `aspect` times as high as wide, have their form."""
    drawn = Image.fromarray(image)
    if abs(aspect - 1) < SQUARE:
        return drawn
    size = round(drawn.width / min(aspect, 1)), round(drawn.height * max(aspect, 1))
    return drawn.resize(size, Image.Resampling.NEAREST)


def compose(
    background: NDArray[np.floating],
    labels: Classes,
    classes: Sequence[ClassSpec],
    factor: int = 1,
    fill: float = 0.5,
) -> NDArray[np.uint8]:
    """Blend classes over the scene: (h, w, 3), enlarged by `factor`, with opaque outlines."""
    bands = background if background.ndim == 3 else np.broadcast_to(background, (3, *background.shape))
    unseen = _unseen(background, labels)
    image = np.moveaxis(np.clip(np.nan_to_num(bands), 0, 1) * 255, 0, -1)
    image[unseen] = _UNSEEN
    image = image.repeat(factor, 0).repeat(factor, 1)
    labels = labels.repeat(factor, 0).repeat(factor, 1)
    edge = np.zeros(labels.shape, bool)
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    edge[:, :-1] |= labels[:, 1:] != labels[:, :-1]
    edge[1:] |= labels[1:] != labels[:-1]
    edge[:-1] |= labels[1:] != labels[:-1]
    for spec in classes:
        inside = labels == spec.value
        colour = np.array(rgb(spec.colour), float)
        image[inside] = (1 - fill) * image[inside] + fill * colour
        image[inside & edge] = colour
    return np.asarray(np.rint(image), np.uint8)


def _unseen(background: NDArray[np.floating], labels: Classes) -> NDArray[np.bool_]:
    """Return which pixels (h, w) were not observed."""
    missing = np.isnan(background)
    unseen: NDArray[np.bool_] = labels == nodata_class(labels.dtype)
    return np.asarray(unseen | (missing.any(axis=0) if missing.ndim == 3 else missing))


class _Sheet:
    """Places the parts of a picture: titles above, panels and map, legend at the right, texts below."""

    def __init__(
        self, picture: MapPicture, drawn: Image.Image, further: Sequence[tuple[str, Image.Image]]
    ) -> None:
        self._picture, self._map, self._further = picture, drawn, further
        texts = [picture.title, picture.caption, *picture.credits, *(spec.label for spec in picture.classes)]
        name = font_for([*texts, *(title for title, _ in picture.panels)])
        self._fonts = _Fonts(title=font(26, name), text=font(17, name), small=font(14, name))
        text = self._fonts.text
        labels = [text.getlength(drawable(spec.label, text)) for spec in picture.classes]
        self._side = min(max([_LEGEND, *(_LABEL + math.ceil(length) for length in labels)]), _WIDEST)
        self._left = _LATITUDES if picture.place is not None else 0
        panels = sum(image.width + 12 for _, image in further)
        self._width = panels + self._left + drawn.width + self._side + 3 * _MARGIN
        self._entries = [
            wrap(spec.label, self._fonts.text, self._side - _LABEL) or [""] for spec in picture.classes
        ]
        self._unseen = bool(_unseen(picture.background, picture.labels).any())
        pixel = picture.pixel_m
        scale = drawn.width / picture.labels.shape[1]
        self._step = pixel / scale if pixel is not None and math.isfinite(pixel) else None

    def draw(self) -> Image.Image:
        """Return the sheet."""
        inner = self._width - 2 * _MARGIN
        titles = wrap(self._picture.title, self._fonts.title, inner)
        top = _MARGIN + 34 * len(titles) + (10 if titles else 0) + (26 if self._further else 0)
        notes = [line for text in self._texts() for line in wrap(text, self._fonts.small, inner)]
        below = 26 if self._picture.place is not None else 8
        body = max(self._map.height + below, self._legend_height())
        height = top + body + 10 + _SMALL_LINE * len(notes) + _MARGIN
        sheet = Image.new("RGB", (self._width, height), PAPER)
        draw = ImageDraw.Draw(sheet)
        for index, line in enumerate(titles):
            draw.text((_MARGIN, _MARGIN + 34 * index), line, INK, self._fonts.title)
        x = _MARGIN
        for title, image in self._further:
            self._place(sheet, draw, image, title, (x, top))
            x += image.width + 12
        x += self._left
        self._place_map(sheet, draw, (x, top))
        self._legend(draw, (x + self._map.width + _MARGIN, top))
        for index, line in enumerate(notes):
            draw.text((_MARGIN, top + body + 10 + _SMALL_LINE * index), line, QUIET, self._fonts.small)
        return sheet

    def _texts(self) -> list[str]:
        """Return the texts below the map."""
        picture = self._picture
        crs = [f"Coordinates: {picture.place.crs}"] if picture.place is not None else []
        last = ". ".join([*crs, *picture.credits])
        return [text for text in (picture.caption, last) if text]

    def _place(
        self,
        sheet: Image.Image,
        draw: ImageDraw.ImageDraw,
        image: Image.Image,
        title: str,
        at: tuple[int, int],
    ) -> None:
        """Paste a panel with its title and a frame."""
        x, y = at
        if title:
            line = wrap(title, self._fonts.text, image.width)[0]
            draw.text((x, y - 26), line, INK, self._fonts.text)
        sheet.paste(image, at)
        draw.rectangle((x - 1, y - 1, x + image.width, y + image.height), outline=QUIET, width=1)

    def _place_map(self, sheet: Image.Image, draw: ImageDraw.ImageDraw, at: tuple[int, int]) -> None:
        """Paste the map with its graticule."""
        x, y = at
        place, image = self._picture.place, self._map
        below: list[tuple[float, str]] = []
        left: list[tuple[float, str]] = []
        if place is not None:
            height, width = self._picture.labels.shape
            below, left = graticule(image, place, (height, width))
        self._place(sheet, draw, image, self._picture.panel_title if self._further else "", at)
        small = self._fonts.small
        free = -math.inf
        for along, text in sorted(below):
            half = small.getlength(text) / 2
            draw.line((x + along, y + image.height, x + along, y + image.height + 5), fill=QUIET)
            if along - half > free:
                draw.text((x + along, y + image.height + 7), text, QUIET, small, anchor="ma")
                free = along + half + _APART
        for along, text in left:
            draw.line((x - 6, y + along, x - 1, y + along), fill=QUIET)
            draw.text((x - 9, y + along), text, QUIET, small, anchor="rm")

    def _legend_height(self) -> int:
        """Return the height of the legend with scale bar, colour bar and north arrow."""
        lines = sum(
            _LINE * len(entry) + (30 if self._area_of(spec) else 10)
            for entry, spec in zip(self._entries, self._picture.classes, strict=True)
        )
        bar = 236 if self._picture.bar is not None else 0
        place = self._picture.place
        arrow = 100 if place is not None and place.north is not None else 0
        frame = (60 if self._step is not None else 0) + arrow
        return lines + (32 if self._unseen else 0) + bar + frame

    def _area_of(self, spec: ClassSpec) -> str:
        area = self._picture.areas_m2.get(spec.value)
        return "" if area is None else area_text(area)

    def _legend(self, draw: ImageDraw.ImageDraw, at: tuple[float, float]) -> None:
        """Draw entries of classes and of unobserved pixels, then colour bar, scale bar and north arrow."""
        x, y = at
        text, small = self._fonts.text, self._fonts.small
        for spec, entry in zip(self._picture.classes, self._entries, strict=True):
            # Not blended: of what lies under a class on the map, dark water is as likely as bright ground.
            draw.rectangle((x, y + 2, x + 26, y + 20), fill=rgb(spec.colour))
            for line in entry:
                draw.text((x + _LABEL, y), line, INK, text)
                y += _LINE
            if area := self._area_of(spec):
                _area(draw, (x + _LABEL, y), area, small)
            y += 30 if area else 10
        if self._unseen:
            draw.rectangle((x, y + 2, x + 26, y + 20), fill=_UNSEEN, outline=QUIET, width=1)
            draw.text((x + _LABEL, y), "not observed", INK, text)
            y += 32
        if self._picture.bar is not None:
            y = colour_bar(draw, (x, y + 8), self._picture.bar, (text, small))
        if self._step is not None:
            scale_bar(draw, (x, y + 24), self._step, _LEGEND - 60, small)
            y += 60
        if self._picture.place is not None:
            north_arrow(draw, (x + 40, y + 58), self._picture.place, text)


def _area(draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, face: Font) -> None:
    """Draw a text that may end in a superscript two, which the font does not have."""
    base = text.removesuffix("²")
    draw.text(place, base, QUIET, face)
    if base != text:
        draw.text((place[0] + face.getlength(base) + 1, place[1] - 2), "2", QUIET, font(10))


def area_text(area_m2: float) -> str:
    """Return an area with three digits, in m², ha or km²."""
    value, unit = area_m2, "m²"
    if area_m2 >= 1e6:
        value, unit = area_m2 / 1e6, "km²"
    elif area_m2 >= 1e4:
        value, unit = area_m2 / 1e4, "ha"
    digits = 0 if value >= 100 or value == 0 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}"
