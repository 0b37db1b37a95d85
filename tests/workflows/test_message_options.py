"""Messages put each option that they name, with its value, between backticks, and each command with options.

`geoseg.api.option_words` changes what stands there into arguments of Python.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from geoseg.cli.app import app

ROOT = Path(__file__).parents[2]
PLACEHOLDER = "{}"
"""What stands for a value in a message."""
NO_MESSAGES = {"Option", "Argument", "add_argument"}
"""Calls whose texts are help of the command line, but for what they say where the option is missing."""
RECORDED = {
    "--band",
    "--effective-wind",
    "--mask",
    "--preset imagenet",
    "--sun-zenith",
    "--view-zenith",
    "--wind",
    "{}; direction: --wind-from",
    "inside --mask, not mapped",
    "set with --sensor",
}
"""Texts of records, which state that an option was the origin of a value."""
REMEDIES = {
    "gdal_translate -a_ullr ULX ULY LRX LRY",
    "pip uninstall -y onnxruntime; pip install onnxruntime-gpu",
}
"""Commands that messages put between backticks, or on a line of their own."""
COMMANDS = {"bundles/describe_command.py", "bundles/foreign_weights.py"}
"""Modules that write commands for a terminal, each on a line of its own."""


def _text(node: ast.AST) -> str | None:
    """Return the text of a string, with `{}` for each value; None if the node is no string."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or PLACEHOLDER for part in node.values)
    return None


def _strings(tree: ast.AST) -> Iterator[str]:
    """Yield the strings of a module that are no docstring and no help."""
    if isinstance(tree, ast.Expr) and isinstance(tree.value, ast.Constant):
        return
    if isinstance(tree, ast.Call) and getattr(tree.func, "id", getattr(tree.func, "attr", "")) in NO_MESSAGES:
        for keyword in tree.keywords:
            if keyword.arg == "missing":
                yield from _strings(keyword.value)
        return
    if (text := _text(tree)) is not None:
        yield text
    for child in ast.iter_child_nodes(tree):
        if not (isinstance(tree, ast.JoinedStr) and isinstance(child, ast.Constant)):
            yield from _strings(child)


def _messages(tree: ast.AST) -> Iterator[str]:
    """Yield the strings of the errors, warnings and notes of a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in {"warn", "note"} or name.endswith("Error"):
                for argument in node.args:
                    yield from _strings(argument)


@cache
def _said() -> tuple[tuple[str, str], ...]:
    """Module and text of everything that may be a message: in geoseg all strings, in cli those of calls."""
    found = []
    for folder, strings in (("geoseg", _strings), ("cli", _messages), ("models", _messages)):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT / folder).as_posix()
            if name not in COMMANDS:
                found += [(name, text) for text in strings(ast.parse(path.read_text()))]
    return tuple(dict.fromkeys(found))


def _bare(text: str) -> str:
    """Return a text without what stands between backticks."""
    return "".join(text.split("`")[::2])


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("exists; add --overwrite", True),
        ("exists; add `--overwrite`", False),
        ("use geoseg fit --encoder X", True),
        ("use `geoseg fit --encoder X`", False),
        ("--{}: give one", True),
        ("`--{}`: give one", False),
        ("-- two dashes --", False),
        ("no output is given; add -o OUT.gpkg", True),
        ("no output is given; add `-o OUT.gpkg`", False),
        ("-o {}: give another", True),
        ("resample it (gdalwarp -tr)", True),
        ("assign one with gdal_edit.py -a_srs", True),
        ("run with -vv", False),
    ],
)
def test_an_option_outside_backticks_is_found(text: str, wrong: bool) -> None:
    assert bool(_options(_bare(text))) is wrong


def _options(text: str) -> list[str]:
    """Return the options of a text: `--name`, `-o`, and those of the commands of GDAL."""
    long, short, gdal = (
        r"--(?:[a-z]|\{\})[\w-]*",
        r"(?:(?<=[ (])-[a-z](?=[ ;,.)]|$)|^-[a-z](?= \{))",
        r"\b(?:gdal|ogr)\w+(?:\.py)? -\w+",
    )
    return re.findall(rf"(?<![\w-])(?:{long})|{short}|{gdal}", text)


def test_options_of_messages_stand_between_backticks() -> None:
    wrong = [
        (name, text) for name, text in _said() if text not in RECORDED | REMEDIES and _options(_bare(text))
    ]
    assert wrong == []


def test_options_of_messages_exist() -> None:
    """A message that begins a part between backticks with an option names one that a command has."""
    commands = {
        name.removeprefix("--") for command in _commands(typer.main.get_command(app)) for name in command
    }
    named = {
        part.split()[0].removeprefix("--")
        for _, text in _said()
        for part in text.split("`")[1::2]
        if part.startswith("--") and PLACEHOLDER not in part.split()[0]
    }
    assert named - commands == set()


def _commands(command: Any) -> Iterator[list[str]]:
    """Yield the options of a command and of the commands in it."""
    for parameter in command.get_params(typer.Context(command)):  # made when first asked for
        yield [*parameter.opts, *parameter.secondary_opts]
    for inner in getattr(command, "commands", {}).values():
        yield from _commands(inner)


def test_exceptions_are_needed() -> None:
    assert {text for _, text in _said()} >= RECORDED | REMEDIES
