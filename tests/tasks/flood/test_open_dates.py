"""Which nameless files are read as radar pictures of two dates, and which are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from geoseg.errors import BandError
from geoseg.run_record import RunRecord
from geoseg.spec import FloodSpec, RunSpec, SceneSpec
from geoseg.tasks.flood.flood_map import map_flood
from tests.messages import Messages, progress

SIDE = 96

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def write(path: Path, low: int, dtype: str = "uint8", bands: int = 1, side: int = SIDE) -> Path:
    """A picture of land with a dark square, without CRS and band names."""
    values = np.random.default_rng(low).normal(170, 8, (bands, side, side))
    values[:, 30:60, 30:60] -= 170 - low
    with rasterio.open(path, "w", driver="PNG", width=side, height=side, count=bands, dtype=dtype) as file:
        file.write(values.clip(1, 254).astype(dtype))
    return path


def run(tmp_path: Path, after: Path, before: Path, sensor: str | None = None, **options: Any) -> np.ndarray:
    out = RunSpec(output=tmp_path / "map.gpkg", raster=tmp_path / "map.tif", overwrite=True, min_area=0.0)
    scenes = [SceneSpec(paths=(str(path),), sensor=sensor) for path in (after, before)]
    record = map_flood(FloodSpec(scene=scenes[0], before=(scenes[1],), run=out, **options), progress)
    assert isinstance(record, RunRecord)
    with rasterio.open(tmp_path / "map.tif") as file:
        return np.asarray(file.read(1))


@pytest.mark.parametrize("sensor", [None, "sentinel-1"])
def test_two_pictures_of_one_band_are_radar(tmp_path: Path, sensor: str | None, messages: Messages) -> None:
    """The guess is a warning; a sensor that is named is none."""
    after, before = write(tmp_path / "after.png", 60), write(tmp_path / "before.png", 165)
    mapped = run(tmp_path, after, before, sensor, method="classical")
    assert (mapped == 1)[32:58, 32:58].all()
    assert not (mapped[:25] == 1).any()
    assert ("radar-assumed" in messages.codes) == (sensor is None)


@pytest.mark.parametrize(
    ("after", "before", "sensor"),
    [
        ({"dtype": "uint16"}, {"dtype": "uint16"}, None),
        ({"bands": 3}, {"bands": 3}, None),
        ({}, {"bands": 3}, None),
        ({}, {}, "sentinel-2-l2a"),
    ],
)
def test_others_are_asked_for_band_names(
    tmp_path: Path, after: dict[str, Any], before: dict[str, Any], sensor: str | None
) -> None:
    paths = write(tmp_path / "a.png", 60, **after), write(tmp_path / "b.png", 165, **before)
    with pytest.raises(BandError, match="--band"):
        run(tmp_path, *paths, sensor)


def test_methods_for_decibels_are_not_fed_by_a_guess(tmp_path: Path) -> None:
    after, before = write(tmp_path / "after.png", 60), write(tmp_path / "before.png", 165)
    with pytest.raises(BandError, match="--band"):
        run(tmp_path, after, before, method="logratio")


@pytest.mark.parametrize("reverse", [False, True])
def test_a_scene_before_that_is_later_is_reported(reverse: bool, tmp_path: Path, messages: Messages) -> None:
    early, late = (write(tmp_path / f"{day}.tif", 60) for day in ("20240301T101010", "20240302T101010"))
    after, before = (early, late) if reverse else (late, early)
    run(tmp_path, after, before, "sentinel-1")
    assert ("dates-out-of-order" in messages.codes) is reverse
