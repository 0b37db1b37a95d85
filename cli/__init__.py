"""The command line, a client of the library: one file per command. Options are the fields of requests."""

from __future__ import annotations

from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Run the command line and exit with its exit code."""
    from . import startup

    startup.begin()
    from .app import main as run

    run()
