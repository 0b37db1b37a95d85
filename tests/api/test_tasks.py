"""Each function makes the map of its command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
from rasterio.transform import xy

import geoseg
from geoseg.errors import ModelError, SceneReadError, UsageError
from tests.api.pixels import CRS, TRANSFORM, reflectance, write_scene

SENSOR = "sentinel-2-l2a-harmonised"


def write_six(path: Path) -> Path:
    """A scene with the bands of the shipped network, as surface reflectance of Sentinel-2."""
    two = reflectance()
    names = ("blue", "green", "red", "nir", "swir16", "swir22")
    data = np.stack([two[0], two[0], two[0], two[1], two[1], two[1]])
    with rasterio.open(
        path, "w", driver="GTiff", height=96, width=96, count=6, dtype="uint16", crs=CRS, transform=TRANSFORM
    ) as file:
        file.write((data * 10000).astype(np.uint16))
        file.descriptions = names
    return path


def test_models_are_described(tmp_path: Path) -> None:
    model = geoseg.load_model("water-optical")
    assert model.name == "water-optical"
    made = geoseg.segment(write_six(tmp_path / "six.tif"), model, sensor=SENSOR)
    assert made.record.model is not None
    assert made.record.model["name"] == "water-optical"
    with pytest.raises(ModelError, match="no model has this name"):
        geoseg.load_model("nothing")


def test_scenes_are_opened(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "scene.tif", reflectance())
    with geoseg.open_scene(path) as scene:
        assert scene.band_names == ("green", "swir16")
    with pytest.raises(SceneReadError):
        geoseg.open_scene(tmp_path / "missing.tif")
    with pytest.raises(TypeError, match="unknown option 'sensors'; did you mean sensor"):
        geoseg.open_scene(path, sensors="generic")


def test_plumes_state_what_they_need(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "scene.tif", reflectance())
    with pytest.raises(geoseg.errors.GeosegError):
        geoseg.plumes(path)


def test_names_are_imported_on_first_use() -> None:
    code = (
        "import sys, geoseg; assert not {'numpy', 'rasterio', 'pydantic'} & set(sys.modules);"
        "import geoseg.tasks.flood.flood_map; from geoseg import flood; assert callable(flood);"
        "assert callable(geoseg.flood) and callable(geoseg.change) and callable(geoseg.segment);"
        "assert set(geoseg.__all__) <= set(dir(geoseg)) and len(geoseg.__all__) <= 11"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'floods'"):
        geoseg.floods  # type: ignore[attr-defined] # noqa: B018


def test_a_network_is_fitted_to_points_of_an_array(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="the extra `fit` is not installed")
    pytest.importorskip("threadpoolctl", reason="the extra `fit` is not installed")
    data = reflectance()
    rng = np.random.default_rng(5)
    rows, cols = rng.integers(2, 94, (2, 60))
    x, y = xy(TRANSFORM, rows, cols)
    water = data[1, rows, cols] < 0.1
    names = [*np.where(water, "lake", "land"), "land" if water[0] else "lake"]
    points = geopandas.points_from_xy([*x, x[0]], [*y, y[0]])
    labels = geopandas.GeoDataFrame({"class": names}, geometry=points, crs=CRS)
    place: dict[str, Any] = {"transform": TRANSFORM, "crs": CRS, "bands": ("green", "swir16")}
    report = geoseg.fit(labels.to_crs(4326), data, tmp_path / "lakes", place_size=150, **place)
    assert {item.label for item in report.classes} == {"lake", "land"}
    assert [item.text for item in report.warnings] == [
        "the array of scene: 1 pixel with labels of two classes, not used",
        "2 of 61 labels not used: 2 on pixels that were not observed, are masked or have two classes",
    ]
    made = geoseg.segment(data, geoseg.load_model(tmp_path / "lakes"), **place)
    lake = next(item.value for item in report.classes if item.label == "lake")
    assert made.classes is not None
    assert ((made.classes == lake) == (data[1] < 0.1)).mean() > 0.99


def test_features_of_an_encoder_are_an_array(tmp_path: Path) -> None:
    pytest.importorskip("timm", reason="the extra `train` is not installed")
    pytest.importorskip("rioxarray", reason="rioxarray is not installed")
    path = write_six(tmp_path / "six.tif")
    features = geoseg.embed(path, "galileo-nano", weights="none", patch=8, tile=32, sensor=SENSOR)
    assert features.dims == ("band", "y", "x")
    assert features.shape == (128, 12, 12)
    assert features.rio.crs.to_epsg() == 32633
    assert float(features.std()) > 0


@pytest.mark.parametrize("classes", [["lake"], "lake", ("1=lake",), 1])
def test_labels_that_are_not_by_value_are_refused(classes: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"classes=.*: give labels by value, such as \{1: 'water'\}"):
        geoseg.vectorize(tmp_path / "x.tif", classes)


def test_a_template_of_a_batch_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scene = write_scene(tmp_path / "a.tif", reflectance())
    with caplog.at_level("INFO", "geoseg"):
        geoseg.flood(scene, sensor=SENSOR, clouds="none", output=tmp_path / "{scene}.gpkg")
    assert (tmp_path / "{scene}.gpkg").exists()
    assert any("{scene} stays in the name" in record.getMessage() for record in caplog.records)
