"""The command line, a client of the library: one file per command. Options are the fields of requests."""

from .app import main

__all__ = ["main"]
