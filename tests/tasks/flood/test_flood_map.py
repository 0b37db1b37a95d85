"""Maps of flood by a method, from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from geoseg.errors import SceneError
from geoseg.run_record import RunRecord
from geoseg.spec import FloodSpec, RunSpec, SceneSpec
from geoseg.tasks.flood.flood_map import map_flood
from tests.tasks.flood.water_scenes import agreement, disc, optical, radar


def _scene(path: Path, share: float, seed: int) -> SceneSpec:
    """A file of backscatter whose water is a disc of this share of the scene."""
    bands = radar(disc(share), seed=seed)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=256,
        height=256,
        count=len(bands),
        dtype="float32",
        crs="EPSG:32633",
        transform=Affine(10, 0, 500_000, 0, -10, 5_350_000),
    ) as dataset:
        dataset.write(np.stack(list(bands.values())))
        dataset.descriptions = tuple(bands)
    return SceneSpec(paths=(str(path),), sar_units="db")


def test_a_method_of_one_earlier_scene_reads_the_first_of_several(tmp_path: Path) -> None:
    shares = (0.05, 0.3, 0.35)
    before = [_scene(tmp_path / f"before{i}.tif", share, 10 + i) for i, share in enumerate(shares)]
    record = map_flood(
        FloodSpec(
            scene=_scene(tmp_path / "after.tif", 0.4, 0),
            before=tuple(before),
            method="logratio",
            run=RunSpec(output=tmp_path / "map.gpkg", raster=tmp_path / "map.tif"),
        )
    )
    assert isinstance(record, RunRecord)
    assert len(record.inputs) == 2
    assert "logratio uses the first of 3 scenes before" in record.notes
    with rasterio.open(tmp_path / "map.tif") as dataset:
        classes = dataset.read(1)
    assert agreement(classes == 1, disc(0.4) & ~disc(0.05)) > 0.85
    assert agreement(classes == 2, disc(0.05)) > 0.8


def _optical(path: Path, share: float, sensor: str | None) -> SceneSpec:
    """Six bands in 1/10,000; reflectance where the sensor is named, else digital numbers."""
    bands = optical(disc(share))
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=256,
        height=256,
        count=6,
        dtype="int16",
        crs="EPSG:32633",
        transform=Affine(10, 0, 500_000, 0, -10, 5_350_000),
    ) as dataset:
        order = ("blue", "green", "red", "nir", "swir16", "swir22")
        dataset.write(np.stack([np.round(bands[name] * 10_000) for name in order]).astype(np.int16))
        dataset.descriptions = order
    return SceneSpec(paths=(str(path),), sensor=sensor)


@pytest.mark.parametrize("sensors", [("hls", "hls"), ("hls", None), (None, "hls"), (None, None)])
def test_a_sum_of_bands_needs_reflectance_at_each_date(
    tmp_path: Path, sensors: tuple[str | None, str | None]
) -> None:
    record = map_flood(
        FloodSpec(
            scene=_optical(tmp_path / "after.tif", 0.3, sensors[0]),
            before=(_optical(tmp_path / "before.tif", 0.1, sensors[1]),),
            method="classical",
            run=RunSpec(output=tmp_path / "map.gpkg", raster=tmp_path / "map.tif"),
        )
    )
    assert isinstance(record, RunRecord)
    assert record.runtime["method"] == ("wi2015" if sensors == ("hls", "hls") else "mndwi")
    with rasterio.open(tmp_path / "map.tif") as dataset:
        classes = dataset.read(1)
    assert agreement(classes == 1, disc(0.3) & ~disc(0.1)) > 0.95
    assert agreement(classes == 2, disc(0.1)) > 0.95


def _scaled(path: Path, scales: dict[str, float]) -> SceneSpec:
    """Six bands in 1/10,000 with a scale of each band; 1: it is not stated."""
    scene = _optical(path, 0.3, None)
    with rasterio.open(path, "r+") as dataset:
        dataset.scales = tuple(scales.get(name, 1e-4) for name in dataset.descriptions)
    return scene


@pytest.mark.parametrize(
    ("method", "odd", "refused"),
    [
        ("auto", "green", True),
        ("auto", "swir16", True),
        ("mndwi", "green", True),
        ("ndwi", "nir", True),
        ("wi2015", "red", True),
        ("mndwi", "nir", False),
        ("auto", "nir", False),
        ("auto", "swir22", False),
        ("mndwi", "red", False),
    ],
)
def test_bands_of_one_index_need_one_unit(tmp_path: Path, method: str, odd: str, refused: bool) -> None:
    request = FloodSpec(
        scene=_scaled(tmp_path / "scene.tif", {odd: 1.0}),
        method=method,
        run=RunSpec(output=tmp_path / "map.gpkg", raster=tmp_path / "map.tif"),
    )
    if refused:
        with pytest.raises(SceneError, match=f"different units .*{odd} dn|no ratio: .* in dn, reflectance"):
            map_flood(request)
        return
    map_flood(request)
    with rasterio.open(tmp_path / "map.tif") as dataset:
        assert agreement(dataset.read(1) == 1, disc(0.3)) > 0.95


@pytest.mark.parametrize(
    ("method", "odd", "told"),
    [
        ("auto", "nir", "half of nir is above"),  # when the scene is opened
        ("ndwi", "green", "half of green is above"),
        ("awei-nsh", "swir22", "swir22 has a median of .* its scale"),  # when the method has chosen bands
        ("mndwi", "swir16", "swir16 has a median of .* its scale"),
    ],
)
def test_reflectance_far_above_1_is_refused(tmp_path: Path, method: str, odd: str, told: str) -> None:
    request = FloodSpec(
        scene=_scaled(tmp_path / "scene.tif", {odd: 1e-2}),
        method=method,
        run=RunSpec(output=tmp_path / "map.gpkg"),
    )
    with pytest.raises(SceneError, match=told):
        map_flood(request)
