"""Draw a map as a picture: scene, classes, legend, scale bar and caption."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from geoseg.errors import OutputError
from geoseg.files.disk import writing
from geoseg.files.output_files import OutputFiles
from geoseg.outputs.styles import rgb
from geoseg.pixels import Classes, nodata_class
from geoseg.spec import ClassSpec

LONG_SIDE = 1000
"""px, about the least longer side of the map; smaller maps are enlarged by a whole factor."""
_PANEL = 250
"""px, width of the legend; up to `_WIDEST` for long labels."""
_WIDEST = 420
_LABEL = 38
"""px, from the left of a legend entry to its text."""
_MARGIN = 24
_PAPER = (255, 255, 255)
_INK = (33, 37, 41)
_QUIET = (108, 117, 125)
_UNSEEN = (222, 226, 230)
_FILL = 0.5
# Pillow's own font, the only one that is there everywhere, knows little beyond ASCII.
_DRAWABLE = frozenset("°·±…’“”")
_SPELT = str.maketrans(
    {"−": "-", "–": "-", "—": "-", "×": "x", "≥": ">=", "≤": "<=", "µ": "u", "→": "->", "ß": "ss"}
)

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
_Position = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fonts:
    title: _Font
    text: _Font
    small: _Font


def draw_picture(  # noqa: PLR0913 - each is a part of the picture
    path: Path,
    *,
    background: NDArray[np.floating],
    labels: Classes,
    classes: Sequence[ClassSpec],
    unlisted: int = 0,
    panels: Sequence[tuple[str, NDArray[np.floating]]] = (),
    title: str,
    caption: str,
    areas_m2: dict[int, float | None] | None = None,
    pixel_size_m: float | None = None,
    beside: OutputFiles,
) -> None:
    """Draw a map as a PNG.

    Args:
        path: of the output.
        background: (3, h, w) or (h, w), 0..1, NaN where not observed; decimated by the caller.
        labels: (h, w) class values; nodata where not observed.
        classes: drawn and listed in the legend; other values show the scene.
        unlisted: number of further classes of the map; the legend says that they are not drawn.
        panels: names and pictures of the size of the background, drawn left of the map.
        title: one line.
        caption: scene and method; wrapped.
        areas_m2: area by class value, for the legend.
        pixel_size_m: width of a picture pixel on the ground, for the scale bar; None or NaN: no bar.
        beside: open; has `path` among its targets.

    Raises:
        OutputError: shapes differ, or the file cannot be written.
    """
    if background.shape[-2:] != labels.shape:
        raise OutputError(f"{path}: background {background.shape} and labels {labels.shape} differ in size")
    factor = max(1, round(LONG_SIDE / max(labels.shape) / (1 + len(panels) / 2)))
    drawn = _compose(background, labels, classes, factor)
    if panels:
        unlabelled = np.where(labels == nodata_class(labels.dtype), labels, 0)
        further = [_compose(image, unlabelled, (), factor) for _, image in panels]
        title += f" ({', '.join(name for name, _ in panels)}, map)"
        gap = np.full((len(drawn), 8, 3), 255, np.uint8)
        drawn = np.concatenate([part for panel in further for part in (panel, gap)] + [drawn], axis=1)
    picture = Image.fromarray(drawn)
    step = pixel_size_m / factor if pixel_size_m is not None and math.isfinite(pixel_size_m) else None
    sheet = _lay_out(picture, classes, unlisted, title, caption, areas_m2 or {}, step)
    with writing(path):
        sheet.save(beside.path(path), format="PNG")


def _stops(unlisted: int) -> str:
    """Return the text at which a legend stops."""
    return f"{unlisted} smaller class{'' if unlisted == 1 else 'es'}: not drawn"


def _compose(
    background: NDArray[np.floating], labels: Classes, classes: Sequence[ClassSpec], factor: int
) -> NDArray[np.uint8]:
    """Blend classes over the scene: (h, w, 3), enlarged by `factor`, with opaque outlines."""
    bands = background if background.ndim == 3 else np.broadcast_to(background, (3, *background.shape))
    unseen = np.isnan(bands).any(axis=0) | (labels == nodata_class(labels.dtype))
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
        image[inside] = (1 - _FILL) * image[inside] + _FILL * colour
        image[inside & edge] = colour
    return np.asarray(np.rint(image), np.uint8)


def _lay_out(
    picture: Image.Image,
    classes: Sequence[ClassSpec],
    unlisted: int,
    title: str,
    caption: str,
    areas_m2: dict[int, float | None],
    step: float | None,
) -> Image.Image:
    """Place the map, title above, caption below, legend at the right."""
    fonts = _Fonts(title=_font(26), text=_font(17), small=_font(14))
    labels = [fonts.text.getlength(_drawable(spec.label)) for spec in classes]
    side = min(max([_PANEL, *(_LABEL + math.ceil(length) for length in labels)]), _WIDEST)
    width = picture.width + side + 3 * _MARGIN
    lines = _wrap(caption, fonts.small, width - 2 * _MARGIN)
    top = _MARGIN + 30 + 16
    height = (
        top
        + max(picture.height, 120 + 52 * len(classes) + 32 * bool(unlisted))
        + 14
        + 20 * len(lines)
        + _MARGIN
    )
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, _MARGIN), _fit(title, fonts.title, width - 2 * _MARGIN), _INK, fonts.title)
    sheet.paste(picture, (_MARGIN, top))
    draw.rectangle(
        (_MARGIN - 1, top - 1, _MARGIN + picture.width, top + picture.height), outline=_QUIET, width=1
    )
    panel = picture.width + 2 * _MARGIN
    below = _legend(draw, (panel, top), side, classes, unlisted, areas_m2, fonts)
    if step is not None:
        _scale_bar(draw, (panel, below + 24), step, fonts.small)
    for index, line in enumerate(lines):
        place = (_MARGIN, height - _MARGIN - 20 * (len(lines) - index) + 2)
        draw.text(place, line, _QUIET, fonts.small)
    return sheet


def _legend(
    draw: ImageDraw.ImageDraw,
    place: _Position,
    width: float,
    classes: Sequence[ClassSpec],
    unlisted: int,
    areas_m2: dict[int, float | None],
    fonts: _Fonts,
) -> float:
    """Draw an entry for each class, where the legend stops, and unobserved pixels; return the lower end."""
    x, y = place
    for spec in classes:
        # Not blended: of what lies under a class on the map, dark water is as likely as bright ground.
        draw.rectangle((x, y + 2, x + 26, y + 20), fill=rgb(spec.colour))
        draw.text((x + _LABEL, y), _fit(spec.label, fonts.text, width - _LABEL), _INK, fonts.text)
        area = areas_m2.get(spec.value)
        if area is not None:
            _area(draw, (x + _LABEL, y + 22), area_text(area), fonts.small)
        y += 52 if area is not None else 32
    if unlisted:
        draw.text((x, y), _fit(_stops(unlisted), fonts.text, width), _QUIET, fonts.text)
        y += 32
    draw.rectangle((x, y + 2, x + 26, y + 20), fill=_UNSEEN, outline=_QUIET, width=1)
    draw.text((x + _LABEL, y), "not observed", _INK, fonts.text)
    return y + 32


def _area(draw: ImageDraw.ImageDraw, place: _Position, text: str, font: _Font) -> None:
    """Draw a text that may end in a superscript two, which the font does not have."""
    base = text.removesuffix("²")
    draw.text(place, base, _QUIET, font)
    if base != text:
        draw.text((place[0] + font.getlength(base) + 1, place[1] - 2), "2", _QUIET, _font(10))


def _scale_bar(draw: ImageDraw.ImageDraw, place: _Position, step: float, font: _Font) -> None:
    """Draw a scale bar of a round length; `step` is metres per picture pixel."""
    x, y = place
    length = round_length(step * (_PANEL - 60))
    pixels = length / step
    draw.rectangle((x, y, x + pixels / 2, y + 6), fill=_INK, outline=_INK)
    draw.rectangle((x + pixels / 2, y, x + pixels, y + 6), fill=_PAPER, outline=_INK)
    text = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    draw.text((x + pixels, y + 12), text, _INK, font, anchor="ma")
    draw.text((x, y + 12), "0", _INK, font, anchor="ma")


def round_length(most: float) -> float:
    """Return the largest of 1, 2 and 5 times a power of ten that is at most `most` (> 0)."""
    # Half: the logarithm may be rounded up to the next power.
    power = 10.0 ** math.floor(math.log10(most))
    return max(factor * power for factor in (0.5, 1, 2, 5) if factor * power <= most)


def area_text(area_m2: float) -> str:
    """Return an area with three digits, in m², ha or km²."""
    value, unit = area_m2, "m²"
    if area_m2 >= 1e6:
        value, unit = area_m2 / 1e6, "km²"
    elif area_m2 >= 1e4:
        value, unit = area_m2 / 1e4, "ha"
    digits = 0 if value >= 100 or value == 0 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}"


def _font(size: int) -> _Font:
    return ImageFont.load_default(size)


def _drawable(text: str) -> str:
    """Return a text in characters of the font: without accents, unknown characters as question marks."""
    parts = unicodedata.normalize("NFKD", text.translate(_SPELT))
    known = [part for part in parts if not unicodedata.combining(part)]
    return "".join(part if part.isascii() or part in _DRAWABLE else "?" for part in known)


def _wrap(text: str, font: _Font, width: float) -> list[str]:
    """Return a text as lines of at most `width` pixels."""
    lines = [""]
    for word in _drawable(text).split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return [_fit(line, font, width) for line in lines if line]


def _fit(text: str, font: _Font, width: float) -> str:
    """Return a text shortened to `width` pixels."""
    text = _drawable(text)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text.rstrip() + "..."
