"""`geoseg methane`: facilities that may emit methane."""

from __future__ import annotations

import typer

from . import facilities

app = typer.Typer()


@app.callback(invoke_without_command=True)
def root(context: typer.Context) -> None:
    """Methane: facilities that may emit it."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


app.command("facilities")(facilities.facilities)
