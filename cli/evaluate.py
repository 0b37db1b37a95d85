"""`geoseg evaluate`: how right networks, methods and finished maps are."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

from geoseg.errors import UsageError

from . import accuracy, inject, sets
from .command import add, group


class Evaluations(TyperGroup):
    """Its commands; what is none of them is taken for the argument of older releases."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Name the command that is meant where none is given."""
        word = args[0] if args else ""
        if word and not word.startswith("-") and word not in self.commands:
            raise UsageError(_meant(word))
        return super().resolve_command(ctx, args)


def _meant(word: str) -> str:
    if accuracy.is_map(word):
        wanted = f"geoseg evaluate sample {word} -n N -o POINTS, then geoseg evaluate area {word} POINTS"
    else:
        wanted = f"geoseg evaluate maps {word}"
    return f"geoseg evaluate has the commands maps, sample, area and methane, and no {word!r}; say {wanted}"


app = group(
    "Accuracy of maps: against labels, against interpreted points, against simulated plumes.", Evaluations
)
add(app, "maps", sets.maps)
add(app, "sample", accuracy.sample)
add(app, "area", accuracy.area)
add(app, "methane", inject.methane)
