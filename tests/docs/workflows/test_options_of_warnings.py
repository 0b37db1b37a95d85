"""What docs/warnings.md advises exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from geoseg.cli.app import app

PAGE = Path(__file__).parents[3] / "docs" / "warnings.md"


def _commands(command: Any) -> Iterator[Any]:
    yield command
    for below in getattr(command, "commands", {}).values():
        yield from _commands(below)


def test_options_that_remedies_name_exist() -> None:
    params = [
        param
        for command in _commands(typer.main.get_command(app))
        for param in command.get_params(typer.Context(command))
    ]
    known = {name for param in params for name in (*param.opts, *param.secondary_opts)}
    # Other programs have options of their own.
    code = " ".join(re.findall(r"`((?:--|geoseg )[^`]*)`", PAGE.read_text(encoding="utf-8")))
    named = set(re.findall(r"(?<!\S)--[a-z][a-z-]*", code))
    assert len(named) > 20
    assert named <= known, named - known
