"""Simulated labelled scenes, small enough to be seen through."""

from __future__ import annotations

from pathlib import Path

import pytest

from geoseg.learn.samples import DataSpec
from tests.simulated import write_set


@pytest.fixture
def labelled(tmp_path: Path) -> DataSpec:
    """Eight chips in two regions; labels on a grid of their own."""
    return write_set(tmp_path / "set")
