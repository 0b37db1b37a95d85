"""Scenes: files become named bands on one grid, with scaling and validity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pydantic import JsonValue

from geoseg.grid import Grid, Window
from geoseg.pixels import Pixels
from geoseg.scenes.opening import open_scene
from geoseg.scenes.scene import Scene

__all__ = ["Scene", "Source", "open_scene"]


class Source(Protocol):
    """What a pipeline reads: a `Scene`, or a `geoseg.scenes.stack.Stack` of several layers."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def grid(self) -> Grid:
        """The grid that windows are counted on."""

    @property
    def band_names(self) -> tuple[str, ...]:
        """The bands that `read` knows."""

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        """Read a window; where it leaves the grid it is padded with pixels that are not valid.

        Raises:
            BandError: a band is missing.
            SceneReadError: a file is damaged.
        """

    def cache_bytes(self, bands: Sequence[str]) -> int:
        """Bytes of decoded blocks to keep (GDAL_CACHEMAX) so that strips read in order decode each once."""

    def describe(self) -> dict[str, JsonValue]:
        """What a run record says of it."""
