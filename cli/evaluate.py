"""`geoseg evaluate`: accuracy of networks, methods and finished maps."""

from __future__ import annotations

from typing import Any

from geoseg.errors import UsageError

from . import accuracy, inject, sets
from .command import add, group
from .help_text import PlainGroup


class Evaluations(PlainGroup):
    """The commands of `geoseg evaluate`. Unknown words are treated as arguments of older releases."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Raise an error that suggests a command if the word is not a command."""
        word = args[0] if args else ""
        if word and not word.startswith("-") and word not in self.commands:
            raise UsageError(_suggestion(word))
        return super().resolve_command(ctx, args)


def _suggestion(word: str) -> str:
    if accuracy.is_map(word):
        command = f"`geoseg evaluate sample {word} -n N -o POINTS`, then `geoseg evaluate area {word} POINTS`"
    else:
        command = f"`geoseg evaluate maps {word}`"
    return f"geoseg evaluate has the commands maps, sample, area and methane, not {word!r}; run {command}"


app = group(
    "Measure the accuracy of maps: with labels, with interpreted points, with simulated plumes.", Evaluations
)
add(app, "maps", sets.maps)
add(app, "sample", accuracy.sample)
add(app, "area", accuracy.area)
add(app, "methane", inject.methane)
