"""Scenes of Sentinel-2 with and without the offset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geoseg.scenes import Scene, open_scene
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.messages import notes_of, warnings_of
from tests.products.ground import Ground
from tests.products.sentinel2 import (
    Sentinel2,
)

OLD, NEW = "20180704T100031", "20230704T100031"
SURFACE = "sentinel-2-l2a"


def scene(*paths: Path, **request: Any) -> Scene:
    return open_scene(SceneSpec(paths=tuple(map(str, paths)), **request), sensors())


def said(opened: Scene, level: str) -> list[str]:
    texts = notes_of(opened) if level == "notes" else warnings_of(opened)
    return [text for text in texts if text.startswith("Sentinel-2: ")]


def found(opened: Scene) -> tuple[bool, str]:
    """Whether the offset is applied, to all bands alike, and how that is said: once, as note or warning."""
    notes, warnings = said(opened, "notes"), said(opened, "warnings")
    assert len(notes) + len(warnings) == 1
    offsets = {round(band.offset, 6) for band in opened.bands}
    assert offsets <= {0.0, -0.1}
    assert len(offsets) == 1
    return offsets == {-0.1}, "note" if notes else "warning"


def of(kind: int, side: int = 60) -> Ground:
    """Ground of one kind."""
    return Ground(kinds=np.full((side, side), kind, np.uint8))


def is_ground(opened: Scene, product: Sentinel2) -> None:
    """Reflectance is that of the ground."""
    for band in ("red", "nir"):
        values = opened.select([band]).read(opened.select([band]).grid.window, [band]).physical()[0]
        expected = float(np.median(product.ground.reflectance(band)))
        assert float(np.nanmedian(values)) == pytest.approx(expected, abs=0.002)
