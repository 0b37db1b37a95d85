"""Help of groups and commands as plain text; that of a command with many options fits a screen."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from textwrap import TextWrapper, shorten
from typing import Any

from typer.core import TyperCommand, TyperGroup

from geoseg.errors import UsageError

NAMES = 26
"""Characters of the longest names and values beside their text; longer ones stand above it."""

COLUMN = 35
"""Characters of the longest name of a common option with its values, that of `--clouds`."""
ROWS = 17
"""Lines that options may take on a screen of 24, beside usage, purpose and end. Where they need more, the
last options get one line each."""


class PlainCommand(TyperCommand):
    """A command whose help lists all of its options, and whose values are not empty."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse arguments.

        Raises:
            UsageError: a value is empty: as a path it would be the present folder.
        """
        for before, value in zip(["", *args], args, strict=False):
            if not value or re.fullmatch(r"--[\w-]+=", value):
                name = value[:-1] or (before if before.startswith("-") else "")
                where = f"`{name}`: the value" if name else "an argument"
                raise UsageError(f"{where} is empty; a variable of the shell may not be set")
        return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        write_help(self, ctx, formatter)


class PlainGroup(TyperGroup):
    """A group of commands whose help lists them; it has no more to show, so `--help-all` is `--help`."""

    def get_help_option_names(self, ctx: Any) -> list[str]:
        """Return the names of the help option."""
        return [*super().get_help_option_names(ctx), "--help-all"]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        write_help(self, ctx, formatter)


def write_help(command: Any, context: Any, formatter: Any) -> None:
    """Write usage, help text, arguments and options by panel, and the commands of a group.

    Args:
        command: of typer, or a group.
        context: of typer.
        formatter: of typer; written to.
    """
    command.format_usage(context, formatter)
    for paragraph in (command.help or "").split("\n\n"):
        formatter.write_paragraph()
        formatter.write_text(_plain(paragraph))
    panels: dict[str, list[tuple[str, str]]] = {}
    for name, below in getattr(command, "commands", {}).items():
        panels.setdefault("Commands", []).append((name, below.get_short_help_str(1000)))
    params = command.get_params(context)
    for param in sorted(params, key=_is_option):
        panel = getattr(param, "rich_help_panel", None) or ("Options" if _is_option(param) else "Arguments")
        panels.setdefault(panel, []).append((_name(param), _plain(param.help)))
    for title, rows in panels.items():
        formatter.write(f"\n{title}:\n")
        for line in _columns(rows, formatter.width):
            formatter.write(f"{line}\n")


def _columns(rows: Sequence[tuple[str, str]], width: int) -> Iterator[str]:
    """Yield lines with names on the left and texts on the right; names with hyphens are not divided."""
    first = min(max(len(name) for name, _ in rows), NAMES) + 4
    wrapper = TextWrapper(width=max(width - first, 20), break_on_hyphens=False, break_long_words=False)
    for name, text in rows:
        lines = wrapper.wrap(text) or [""]
        if len(name) + 4 > first:
            yield f"  {name}"
        else:
            yield f"{f'  {name}':<{first}}{lines.pop(0)}".rstrip()
        yield from (" " * first + line for line in lines)


def _is_option(param: Any) -> bool:
    return bool(param.opts[0].startswith("-"))


def _name(param: Any) -> str:
    """Return the names of an option with its values, or the name of an argument."""
    values = (param.metavar or "").strip()
    if not _is_option(param):
        return (values or str(param.name)) + ("..." if param.nargs == -1 else "")
    # The names of the help option come in no order.
    names = sorted(param.opts, key=len, reverse=True)
    return f"{', '.join((*names, *param.secondary_opts))} {values}".strip()


def _plain(text: str | None) -> str:
    """Return a text without the markup of rich."""
    return (text or "").replace("\\[", "[")


def write_short_help(command: Any, params: Sequence[Any], context: Any, formatter: Any) -> None:
    """Write usage, what the command does, and its arguments and common options in one or two lines each.

    Args:
        command: of typer.
        params: its arguments and options.
        context: of typer.
        formatter: of typer; written to.
    """
    from geoseg.spec.option import COMMON

    command.format_usage(context, formatter)
    formatter.write_paragraph()
    formatter.write_text((command.help or "").split("\n\n")[0])
    arguments = [param for param in params if not _is_option(param)]
    common = [param for param in params if getattr(param, "rich_help_panel", "") == COMMON]
    rows = [(_name(param), param.help) for param in (*arguments, *common)]
    line = formatter.width - COLUMN - 8
    sentences = [_sentence(text, 2 * line) for _, text in rows]
    for index in reversed(range(len(rows))):
        if sum(1 + (len(text) > line) for text in sentences) <= ROWS:
            break
        sentences[index] = _sentence(rows[index][1], line)
    formatter.write_paragraph()
    formatter.write_dl([(name, text) for (name, _), text in zip(rows, sentences, strict=True)], COLUMN + 2)
    formatter.write_paragraph()
    formatter.write_text(
        f"All {len(params)} options: {context.command_path} --help-all. To copy: geoseg examples."
    )


def _sentence(text: str | None, room: int) -> str:
    """Return the first sentence of a help text, or its beginning, without the markup of rich."""
    first = re.split(r"(?<=[^.]\.)\s", _plain(text), maxsplit=1)[0].partition("  (default")[0]
    return shorten(first, room, placeholder=" …")
