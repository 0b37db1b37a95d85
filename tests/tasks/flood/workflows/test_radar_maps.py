"""Maps of one radar scene: units, georeferencing, pixel size and tiles do not change them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray

from geoseg.spec import FloodSpec, RunSpec, SceneSpec
from geoseg.tasks.flood.flood_map import map_flood
from tests.messages import Messages, progress
from tests.tasks.flood.water_scenes import WATER, agreement, ground

DB = ground({"vv": (-19.0, -9.5), "vh": (-25.0, -15.5)})
UTM = Affine(10, 0, 500_000, 0, -10, 5_000_000)
DEGREES = Affine(9e-5, 0, 90, 0, -9e-5, 24)


def stored(units: str) -> NDArray[np.float32]:
    """VV and VH in a unit, the border without data."""
    values = np.stack([DB["vv"], DB["vh"]]).astype(np.float64)
    if units in {"gamma0", "beta0"}:
        values += 1.2 if units == "gamma0" else 2.0
    elif units != "db":
        values = 10 ** (values / (10 if units == "power" else 20))
    values[:, :20] = np.nan
    return values.astype(np.float32)


def flood(
    values: NDArray[np.float32],
    folder: Path,
    *,
    transform: Affine = UTM,
    crs: str = "EPSG:32646",
    tile: int = 512,
    names: tuple[str, ...] = ("VV", "VH"),
    **scene: object,
) -> NDArray[np.uint8]:
    folder.mkdir(exist_ok=True)
    path = folder / "S1A_IW_20230507.tif"
    options = {"driver": "GTiff", "count": len(values), "dtype": "float32", "nodata": np.nan}
    height, width = values.shape[1:]
    with rasterio.open(
        path, "w", height=height, width=width, crs=crs, transform=transform, **options
    ) as file:
        file.write(values)
        file.descriptions = names
    run = RunSpec(output=folder / "map.gpkg", raster=folder / "map.tif", min_area=0, tile=tile)
    request = {"scene": SceneSpec.model_validate({"paths": (str(path),), **scene}), "run": run}
    map_flood(FloodSpec.model_validate({**request, "method": "classical"}), progress)
    with rasterio.open(folder / "map.tif") as file:
        return np.asarray(file.read(1))


def water(classes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray(classes[20:] == 1)


@pytest.mark.parametrize("units", ["power", "amplitude"])
def test_units_do_not_change_the_map(units: str, tmp_path: Path) -> None:
    mapped = flood(stored(units), tmp_path / units, sar_units=units)
    same = flood(stored("db"), tmp_path / "db")
    assert (mapped != same).mean() < 0.001


@pytest.mark.parametrize("units", ["gamma0", "beta0"])
def test_other_normalisations_are_mapped_as_well(units: str, tmp_path: Path) -> None:
    assert agreement(water(flood(stored(units), tmp_path / units)), WATER[20:]) > 0.95


@pytest.mark.parametrize("size", [10, 20, 30])
def test_the_map_is_of_pixels_of_any_size(size: int, tmp_path: Path) -> None:
    transform = Affine(size, 0, 500_000, 0, -size, 5_000_000)
    mapped = flood(stored("db"), tmp_path / "map", transform=transform)
    assert agreement(water(mapped), WATER[20:]) > 0.95


def test_a_scene_in_degrees_gives_the_same_map(tmp_path: Path) -> None:
    degrees = flood(stored("db"), tmp_path / "degrees", transform=DEGREES, crs="EPSG:4326")
    assert np.array_equal(degrees, flood(stored("db"), tmp_path / "metres"))


def test_tiles_do_not_change_the_map_and_the_border_is_empty(tmp_path: Path) -> None:
    whole = flood(stored("db"), tmp_path / "whole")
    assert np.array_equal(whole, flood(stored("db"), tmp_path / "tiles", tile=64))
    assert not (whole[:20] == 1).any()


@pytest.mark.parametrize("names", [("HH", "HV"), ("HV", "HH"), ("HH",), ("HV",)])
def test_horizontal_polarisations_are_mapped(
    names: tuple[str, ...], tmp_path: Path, messages: Messages
) -> None:
    values = dict(zip(("HH", "HV"), stored("db"), strict=True))
    mapped = flood(np.stack([values[name] for name in names]), tmp_path / "map", names=names)
    assert agreement(water(mapped), WATER[20:]) > 0.95
    assert "levels-of-other-polarisation" in messages.codes
