"""`geoseg methane`: what emits methane, and how much."""

from __future__ import annotations

import typer

from . import facilities, plume

app = typer.Typer()


@app.callback(invoke_without_command=True)
def root(context: typer.Context) -> None:
    """Methane plumes with emission rates, and the facilities that they come from."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


app.command("plume")(plume.plume)
app.command("facilities")(facilities.facilities)
