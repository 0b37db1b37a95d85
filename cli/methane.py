"""`geoseg methane`: what emits methane, and how much."""

from __future__ import annotations

import typer

from . import plume

app = typer.Typer(
    name="methane",
    help="Methane plumes with emission rates, and the facilities they come from.",
    no_args_is_help=True,
)
app.command("plume")(plume.plume)
