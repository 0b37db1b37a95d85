"""Scenes: files become named bands on one grid, with scale, offset and mask."""

from __future__ import annotations

from geoseg.scenes.opening import open_scene
from geoseg.scenes.scene import Scene
from geoseg.scenes.source import Source

__all__ = ["Scene", "Source", "open_scene"]
