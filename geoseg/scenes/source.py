"""The input of a pipeline: named bands on one grid, from a scene, a stack or a view of another source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pydantic import JsonValue

from geoseg.grid import Grid, Window
from geoseg.pixels import Pixels


class Source(Protocol):
    """Named bands on one grid: a `Scene`, a `geoseg.scenes.stack.Stack` or a `SourceView`."""

    @property
    def name(self) -> str:
        """Name of the scene, for messages and records."""

    @property
    def grid(self) -> Grid:
        """The grid of the windows of `read`."""

    @property
    def band_names(self) -> tuple[str, ...]:
        """Names of the bands that `read` accepts."""

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        """Read a window; pixels outside the grid are padding and not valid.

        Raises:
            BandError: a band is missing.
            SceneReadError: a file is damaged.
        """

    def cache_bytes(self, bands: Sequence[str]) -> int:
        """Return the block cache (GDAL_CACHEMAX, bytes) with which strips in order decode each block once."""

    def describe(self) -> dict[str, JsonValue]:
        """Return the description for the run record."""


class SourceView:
    """A source that reads another one; subclasses override what differs."""

    def __init__(self, source: Source) -> None:
        """Take name, grid and bands of `source`."""
        self.source = source
        self.name = source.name
        self.grid = source.grid
        self.band_names = source.band_names

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        """Read a window; see `Source.read`."""
        return self.source.read(window, bands)

    def cache_bytes(self, bands: Sequence[str]) -> int:
        """Return the size of the block cache; see `Source.cache_bytes`."""
        return self.source.cache_bytes(bands)

    def describe(self) -> dict[str, JsonValue]:
        """Return the description of `source`."""
        return self.source.describe()
