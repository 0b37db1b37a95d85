"""Outputs of a run, for tests of one output."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from geoseg.outputs import OutputFiles


@contextmanager
def together(*targets: Path, overwrite: bool = False) -> Iterator[OutputFiles]:
    """Files that go to their places unless the block fails."""
    with OutputFiles(targets, overwrite=overwrite) as beside:
        yield beside
        beside.commit()


@contextmanager
def refused(place: Path, error: BaseException, *, moved: bool) -> Iterator[None]:
    """Let moving a file to a place raise, before it is moved or just after."""
    replace = os.replace

    def failing(source: Path, target: Path) -> None:
        own = target == place and not source.name.endswith(".replaced")
        if not own or moved:
            replace(source, target)
        if own:
            raise error

    with patch("os.replace", failing):
        yield
