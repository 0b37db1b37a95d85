"""Patterns of names in presets, and whether they fit a name, without regard to case.

There are some 200 of them, and a scene needs few: the others are told apart by a text that a name must hold,
which takes a hundredth of the time of compiling a pattern.
"""

from __future__ import annotations

import re
from functools import lru_cache

_QUANTIFIERS = "?*+{"
_CLOSING = {"(": ")", "[": "]"}
_CODES = "xuUN0123456789"
"""What begins the code of a character, or the number of a group, after a backslash."""


def search(pattern: str, name: str) -> re.Match[str] | None:
    """Return the first match of a pattern in a name."""
    # Beyond ASCII, letters may be alike for `re` that differ in lower case, as ſ and s.
    if name.isascii() and _held(pattern) not in name.lower():
        return None
    return _compiled(pattern).search(name)


@lru_cache(maxsize=2**17)
def fits(name: str, patterns: tuple[str, ...]) -> bool:
    """Return whether one of several patterns fits a name.

    Kept, as all bands of a file, and scenes in one folder, ask for the same names.
    """
    return any(search(pattern, name) for pattern in patterns)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern: the cache of `re` is smaller than the number of patterns."""
    return re.compile(pattern, re.IGNORECASE)


@lru_cache(maxsize=1024)
def _held(pattern: str) -> str:
    """Return the longest text, in lower case, that each match of a pattern holds; empty: there is none.

    Groups, sets and classes of characters are passed over, and characters that may be missing.
    """
    found, run, at = "", "", 0
    while at < len(pattern):
        sign = pattern[at]
        if sign == "|":
            return ""
        literal = sign
        if sign in _CLOSING:
            at, literal = _end(pattern, at), ""
        elif sign == "\\":
            at += 1
            if pattern[at] in _CODES:
                return ""
            literal = "" if pattern[at].isalnum() else pattern[at]
        elif sign in "^$.":
            literal = ""
        at += 1
        quantifier = pattern[at : at + 1]
        if quantifier and quantifier in _QUANTIFIERS:
            at = (pattern.find("}", at) + 1 or len(pattern)) if quantifier == "{" else at + 1
            at += pattern[at : at + 1] in {"?", "+"}  # lazy or possessive
            run += literal if quantifier == "+" else ""
            literal = ""
        run += literal
        if not literal:
            found, run = max(found, run, key=len), ""
    return max(found, run, key=len).lower()


def _end(pattern: str, at: int) -> int:
    """Return the position of the sign that ends the group or the set that begins at a position."""
    closing = _CLOSING[pattern[at]]
    first = at
    at += 1
    while pattern[at] != closing or (closing == "]" and pattern[first + 1 : at] in {"", "^"}):
        if pattern[at] == "\\":
            at += 1
        elif pattern[at] in _CLOSING and closing == ")":
            at = _end(pattern, at)
        at += 1
    return at
