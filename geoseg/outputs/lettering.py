"""Text in pictures: by the font that Pillow brings, or by one of the machine where that lacks letters."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

PAPER = (255, 255, 255)
INK = (33, 37, 41)
QUIET = (90, 98, 104)

# Pillow's own font, the only one that is there everywhere, knows little beyond ASCII.
_DRAWABLE = frozenset("°·±…’“”©")
_SPELT = str.maketrans(
    {"−": "-", "–": "-", "—": "-", "×": "x", "≥": ">=", "≤": "<=", "µ": "u", "→": "to", "ß": "ss"}
)

_OTHERS = (
    "NotoSans-Regular.ttf", "DejaVuSans.ttf", "Arial Unicode.ttf", "segoeui.ttf", "arial.ttf",
    "NotoSansCJK-Regular.ttc", "NotoSansSC-Regular.otf", "msyh.ttc", "PingFang.ttc", "wqy-zenhei.ttc",
)  # fmt: skip
"""Fonts of Linux, Windows and macOS with further scripts; Pillow looks in the folders of the system."""

_MISSING = "\U0010fffe"
"""A character of no font: it is drawn as the sign for a missing one."""


def font(size: int, name: str = "") -> Font:
    """Return a font in a size of pixels: Pillow's own, or one of `font_for`."""
    return ImageFont.truetype(name, size) if name else ImageFont.load_default(size)


def font_for(texts: Iterable[str]) -> str:
    """Return the name of the font that has the most characters of some texts; empty: Pillow's own."""
    letters = set("".join(texts))
    if "?" not in drawable("".join(letters - {"?"})):
        return ""
    best = max(_OTHERS, key=lambda name: sum(_has(name, letter) for letter in letters))
    return best if any(_has(best, letter) for letter in letters if ord(letter) > 127) else ""


@cache
def _has(name: str, letter: str) -> bool:
    """Return whether a font of the system is there and has a character."""
    try:
        face = ImageFont.truetype(name, 20)
    except OSError:
        return False
    return letter.isspace() or bytes(face.getmask(letter)) != bytes(face.getmask(_MISSING))


def drawable(text: str, face: Font | None = None) -> str:
    """Return a text in characters of a font: unknown ones as question marks; in Pillow's without accents."""
    name = getattr(face, "path", None)
    if isinstance(name, str):
        return "".join(part if _has(name, part) else "?" for part in unicodedata.normalize("NFC", text))
    parts = unicodedata.normalize("NFKD", text.translate(_SPELT))
    known = [part for part in parts if not unicodedata.combining(part)]
    return "".join(part if part.isascii() or part in _DRAWABLE else "?" for part in known)


def wrap(text: str, face: Font, width: float) -> list[str]:
    """Return a text as lines of at most `width` pixels; words that are too long are broken."""
    lines = [""]
    for word in drawable(text, face).split():
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
