"""Text in pictures, by the one font that Pillow brings."""

from __future__ import annotations

import unicodedata

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

PAPER = (255, 255, 255)
INK = (33, 37, 41)
QUIET = (90, 98, 104)

# Pillow's own font, the only one that is there everywhere, knows little beyond ASCII.
_DRAWABLE = frozenset("°·±…’“”©")
_SPELT = str.maketrans(
    {"−": "-", "–": "-", "—": "-", "×": "x", "≥": ">=", "≤": "<=", "µ": "u", "→": "->", "ß": "ss"}
)


def font(size: int) -> Font:
    """Return the font in a size of pixels."""
    return ImageFont.load_default(size)


def drawable(text: str) -> str:
    """Return a text in characters of the font: without accents, unknown characters as question marks."""
    parts = unicodedata.normalize("NFKD", text.translate(_SPELT))
    known = [part for part in parts if not unicodedata.combining(part)]
    return "".join(part if part.isascii() or part in _DRAWABLE else "?" for part in known)


def wrap(text: str, face: Font, width: float) -> list[str]:
    """Return a text as lines of at most `width` pixels; words that are too long are broken."""
    lines = [""]
    for word in drawable(text).split():
        longer = f"{lines[-1]} {word}".strip()
        if face.getlength(longer) <= width:
            lines[-1] = longer
            continue
        rest = word
        if lines[-1]:
            lines.append("")
        while face.getlength(rest) > width and len(rest) > 1:
            most = next(n for n in range(len(rest) - 1, 0, -1) if n == 1 or face.getlength(rest[:n]) <= width)
            lines[-1], rest = rest[:most], rest[most:]
            lines.append("")
        lines[-1] = rest
    return [line for line in lines if line]
