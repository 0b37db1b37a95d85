"""What is wrong with a value, in words: the value and what is allowed, for errors of pydantic."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from re import findall

from pydantic_core import ErrorDetails

MOST = 60
"""Characters of a value that are shown."""

_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "finite": "a finite number",
    "string": "text",
    "bool": "true or false",
    "tuple": "a list: [A, B]",
    "list": "a list: [A, B]",
    "set": "a list: [A, B]",
    "frozen": "a list: [A, B]",
    "iterable": "a list: [A, B]",
    "dict": "a mapping: {KEY: VALUE}",
    "mapping": "a mapping: {KEY: VALUE}",
    "model": "a mapping: {KEY: VALUE}",
    "path": "a path",
    "date": "a date",
    "datetime": "a date",
}
"""What is expected, by the beginning of the type of an error (`int_parsing`)."""
_BOUNDS = {
    "greater_than_equal": ("ge", "{} or more"),
    "greater_than": ("gt", "more than {}"),
    "less_than_equal": ("le", "{} or less"),
    "less_than": ("lt", "less than {}"),
    "multiple_of": ("multiple_of", "a multiple of {}"),
}
_LENGTHS = {"too_short": ("min_length", "at least"), "too_long": ("max_length", "at most")}


def problem_text(errors: Sequence[ErrorDetails]) -> str:
    """Return what is wrong with one value, such as `'many' should be a whole number`.

    Args:
        errors: all errors of the value; several if it may be of several types.
    """
    own = next((item for item in errors if item["type"] == "value_error"), None)
    if own is not None:  # Raised by validators of geoseg, whose texts name the value.
        return own["msg"].removeprefix("Value error, ")
    expected = list(dict.fromkeys(_expected(item) for item in errors))
    text = repr(errors[0]["input"])
    value = text if len(text) <= MOST else f"{text[:MOST]} …"
    literals = [name for item in errors for name in _literals(item)]
    near = get_close_matches(str(errors[0]["input"]), literals, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{value} should {' or '.join(expected)}{hint}"


def _expected(error: ErrorDetails) -> str:
    """Return what a value should be, in words."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "literal_error":
        *first, last = _literals(error)
        return f"be {', '.join(first)} or {last}" if first else f"be {last}"
    if kind in _BOUNDS:
        name, text = _BOUNDS[kind]
        return f"be {text.format(_number(context[name]))}"
    if kind in _LENGTHS:
        name, text = _LENGTHS[kind]
        return f"have {text} {context[name]} item{'' if context[name] == 1 else 's'}"
    if kind == "string_pattern_mismatch":
        return f"have the form {context['pattern']}"
    known = _KINDS.get(kind.partition("_")[0])
    return f"be {known}" if known else error["msg"].replace("Input should ", "")


def _literals(error: ErrorDetails) -> list[str]:
    """Return the allowed words of a `Literal`."""
    if error["type"] != "literal_error":
        return []
    return findall(r"'([^']*)'", error["ctx"]["expected"]) or [error["ctx"]["expected"]]


def _number(value: float) -> str:
    """Return a bound without needless digits: 0, not 0.0."""
    return f"{value:g}" if isinstance(value, float) else str(value)
