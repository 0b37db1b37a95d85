"""A folder that holds scenes in folders, beside a raster that is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from geoseg.errors import BandError
from geoseg.scenes import open_scene
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.products.ground import write_raster


def _open(path: Path) -> None:
    open_scene(SceneSpec(paths=(str(path),)), sensors()).close()


def test_folders_with_rasters_are_named(tmp_path: Path) -> None:
    write_raster(tmp_path / "label.tif", np.ones((8, 8), np.uint8))
    for date in ("before", "after"):
        write_raster(tmp_path / date / "B03.tif", np.full((8, 8), 900, np.uint16))
    (tmp_path / "notes").mkdir()
    with pytest.raises(BandError, match=r"give that folder: after, before$"):
        _open(tmp_path)


def test_other_errors_stay_as_they_are(tmp_path: Path) -> None:
    write_raster(tmp_path / "label.tif", np.ones((8, 8), np.uint8))
    (tmp_path / "notes").mkdir()
    with pytest.raises(BandError) as caught:
        _open(tmp_path)
    assert "give that folder" not in str(caught.value)
