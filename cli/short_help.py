"""Help of a command with many options that fits a screen: arguments and common options."""

from __future__ import annotations

import re
from collections.abc import Sequence
from textwrap import shorten
from typing import Any

COLUMN = 35
"""Characters of the longest name of a common option with its values, that of `--clouds`."""
ROWS = 17
"""Lines that options may take on a screen of 24, beside usage, purpose and end. Where they need more, the
last options get one line each."""


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
    arguments = [param for param in params if not param.opts[0].startswith("-")]
    common = [param for param in params if getattr(param, "rich_help_panel", "") == COMMON]
    rows = [(param.metavar or param.name, param.help) for param in arguments]
    rows += [
        (f"{', '.join(param.opts)} {(param.metavar or '').strip()}".strip(), param.help) for param in common
    ]
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
    plain = (text or "").replace("\\[", "[")
    first = re.split(r"(?<=[^.]\.)\s", plain, maxsplit=1)[0].partition("  (default")[0]
    return shorten(first, room, placeholder=" …")
