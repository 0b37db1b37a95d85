"""The command line: a client of the library; one file a command, one file of shared options."""

from .app import main

__all__ = ["main"]
