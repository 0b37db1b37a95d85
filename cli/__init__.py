"""The command line: a client of the library; one file a command. Options are the fields of requests."""

from .app import main

__all__ = ["main"]
