"""Patterns fit the names that `re` says they fit."""

from __future__ import annotations

import re
from re import _parser  # type: ignore[attr-defined]
from typing import Any

import pytest

from geoseg.scenes import name_patterns
from geoseg.scenes.name_patterns import _held, fits, search
from geoseg.spec import presets

HELD = {
    "^HLS\\.L30\\.": "hls.l30.",
    r"(^|_)QA_PIXEL(_\w+)?\.tiff?$": "qa_pixel",
    r"^ga_\w+?_oa_.*fmask": "fmask",
    r"^a\d{4}bc{2}de*+fg": "fg",
    r"x+?y": "x",
    "(?<![a-z])spot[1-7](?!\\d)": "spot",
    r"[]()]ab[^]|]c": "ab",
    r"((a|b)\)[)]c)de": "de",
    "ab|cd": "",
    "(?:ab)?": "",
    "a?b*c{0,2}": "",
    r"\x41bcd": "",
    r"ab(c)\1": "",
    "ab{c": "a",
    r"\d\w\.": ".",
}


@pytest.mark.parametrize(("pattern", "held"), HELD.items())
def test_the_text_that_each_match_holds(pattern: str, held: str) -> None:
    assert _held(pattern) == held


def _patterns() -> list[str]:
    """Return all patterns of names in presets."""
    found = [pattern for sensor in presets.sensors().values() for pattern in sensor.file_patterns]
    found += [pattern for spec in presets.quality_layers().values() for pattern in spec.file_patterns]
    found += [
        pattern
        for spec in presets.auxiliary_layers().values()
        for item in spec.layers
        for pattern in item.files
    ]
    found += [pattern for item in presets.instruments() for pattern in (*item.names, *item.labels)]
    return found


def _example(pattern: str) -> str:
    """Return a name that fits a pattern, from the parse tree of `re`; lookarounds are passed over."""

    def text(tree: Any) -> str:
        out = ""
        for kind, value in tree:
            name = str(kind)
            if name == "LITERAL":
                out += chr(value).swapcase()
            elif name in {"MAX_REPEAT", "MIN_REPEAT"}:
                out += text(value[2]) * value[0]
            elif name == "SUBPATTERN":
                out += text(value[3])
            elif name == "BRANCH":
                out += text(value[1][-1])
            elif name == "IN":
                first, which = value[0]
                digit = str(which) == "CATEGORY_DIGIT"
                letters = chr(which) if str(first) == "LITERAL" else "0" if digit else "a"
                out += chr(which[0]) if str(first) == "RANGE" else letters
        return out

    return text(_parser.parse(pattern))


def test_names_fit_as_re_says() -> None:
    patterns = _patterns()
    names = [_example(pattern) for pattern in patterns]
    names += [name.lower() for name in names] + ["ſentinel-2", "PLÉIADES", "scene.tif", ""]
    fitting = 0
    for pattern in patterns:
        compiled = re.compile(pattern, re.IGNORECASE)
        for name in names:
            expected = compiled.search(name)
            found = search(pattern, name)
            assert (found and found.span()) == (expected and expected.span()), (pattern, name)
            fitting += expected is not None
    assert fitting > len(patterns)
    # Most are told apart without a pattern.
    assert sum(bool(_held(pattern)) for pattern in patterns) > 0.8 * len(patterns)


def test_a_pattern_whose_text_is_missing_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_patterns, "_compiled", pytest.fail)
    assert not fits("after.tif", ("^S2[A-D]_MSIL2A_", r"(^|_)SCL\.jp2$"))
