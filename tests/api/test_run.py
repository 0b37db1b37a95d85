"""Options of the Python interface are those of the commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyproj
import pytest
from shapely.geometry import box

import geoseg
from geoseg.errors import UsageError
from tests.api.pixels import CRS, TRANSFORM, reflectance, write_scene


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    return write_scene(tmp_path / "scene.tif", reflectance())


def test_an_unknown_option_is_named(scene: Path) -> None:
    with pytest.raises(TypeError, match="unknown option 'min_aera'; did you mean min_area"):
        geoseg.flood(scene, min_aera=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_area": -1}, "min_area: -1"),
        ({"bbox": (3, 0, 1, 1)}, "bbox: west"),
        ({"clouds": "no"}, "clouds: "),
        ({"bbox_crs": 999_999}, "`bbox_crs=999999` is not a coordinate"),
    ],
)
def test_a_wrong_value_is_named_as_python_writes_it(
    scene: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        geoseg.flood(scene, **options)


def test_none_is_not_given(scene: Path) -> None:
    assert geoseg.flood(scene, min_area=None).record.command["run"]["min_area"] is None  # type: ignore[index, call-overload]


def test_polygons_may_be_a_geodataframe(scene: Path) -> None:
    west = geopandas.GeoDataFrame(geometry=[box(500000, 4599000, 500480, 4600000)], crs=CRS)
    half = geoseg.flood(scene, aoi=west.to_crs(4326))
    assert half.polygons.total_bounds[2] <= 500480
    whole = geoseg.flood(scene)
    assert half.polygons["pixels"].sum() == pytest.approx(whole.polygons["pixels"].sum() / 2, rel=0.05)


def test_rasters_may_be_arrays(scene: Path) -> None:
    mask = reflectance()[1] > 0.1
    water = geoseg.flood(
        reflectance(), permanent_water=~mask, transform=TRANSFORM, crs=CRS, bands=("green", "swir16")
    )
    assert set(water.polygons["label"]) == {"permanent water"}
    other = reflectance() + 0.001
    place: dict[str, Any] = {"transform": TRANSFORM, "crs": CRS, "bands": ("green", "swir16")}
    assert len(geoseg.flood(scene, before=[write_scene(scene.with_name("earlier.tif"), other)]).polygons) == 1
    assert len(geoseg.flood(scene, before=[other], **place).polygons) == 1


def test_the_output_may_be_named(scene: Path, tmp_path: Path) -> None:
    water = geoseg.flood(scene, output=tmp_path / "map.geojson")
    assert (tmp_path / "map.geojson").exists()
    assert len(water.polygons) == 1


def test_progress_is_reported(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    calls: list[tuple[int, int, str]] = []
    geoseg.flood(scene, progress=lambda done, total, unit: calls.append((done, total, unit)))
    assert calls[-1][0] == calls[-1][1] > 0
    geoseg.flood(scene, progress=True)
    assert "100%" in capsys.readouterr().out


@pytest.mark.parametrize(
    "options", [{"permanent_water": np.ones((3, 3), np.bool_)}, {"hand": np.ones((96, 90))}]
)
def test_arrays_of_other_pixels_than_the_scene_are_refused(options: dict[str, Any]) -> None:
    shape = next(iter(options.values())).shape
    with pytest.raises(UsageError, match=f"of {shape[0]} x {shape[1]} pixels, and `scene` of 96 x 96"):
        geoseg.flood(reflectance(), transform=TRANSFORM, crs=CRS, bands=("green", "swir16"), **options)


def test_dates_of_other_pixels_are_refused() -> None:
    earlier = reflectance()
    with pytest.raises(UsageError, match="`after` is an array of 96 x 91 pixels, and `before` of 96 x 96"):
        geoseg.change(earlier, earlier[..., :-5], transform=TRANSFORM, crs=CRS, bands=("green", "swir16"))


@pytest.mark.parametrize(
    "options",
    [
        {"bbox": np.array([500_000, 4_599_000, 500_480, 4_600_000]), "bbox_crs": 32633},
        {"bbox": (500_000, 4_599_000, 500_480, 4_600_000), "bbox_crs": pyproj.CRS(32633)},
        {"min_area": np.float32(200), "threads": np.int64(1), "dst_crs": 4326},
    ],
)
def test_numbers_of_numpy_and_crs_of_pyproj_are_values(scene: Path, options: dict[str, Any]) -> None:
    assert len(geoseg.flood(scene, **options).polygons) == 1
