"""The commands that `geoseg examples` prints are accepted as they stand."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import typer
from geoseg.cli.app import app
from geoseg.cli.examples import EXAMPLES

Geoseg = Callable[..., tuple[str, str]]


def _found(words: list[str]) -> tuple[Any, Iterator[str]]:
    """The command that words name, and the rest of them."""
    command, rest = typer.main.get_command(app), iter(words[1:])
    while hasattr(command, "commands"):
        command = command.commands[next(rest)]
    return command, rest


def test_ten_commands_are_printed(geoseg: Geoseg) -> None:
    lines = geoseg("examples")[0].splitlines()
    assert sum(line.startswith("geoseg ") for line in lines) == len(EXAMPLES) == 10


@pytest.mark.parametrize("line", [command for _, command in EXAMPLES])
def test_an_example_has_options_that_exist(line: str) -> None:
    command, rest = _found(shlex.split(line))
    known = {name for param in command.get_params(typer.Context(command)) for name in param.opts}
    assert {word for word in rest if word.startswith("-")} <= known
