"""Clipping, and several layers on one grid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio.raw
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import Transformer

from geoseg.errors import BandError, SceneError, SceneReadError, UsageError
from geoseg.grid import Window
from geoseg.scenes import Scene, Source, open_scene
from geoseg.scenes.layers import open_raster_layer, open_vector_layer
from geoseg.scenes.stack import Stack, StackLayer
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors

WEST, NORTH = 500_000.0, 5_000_000.0
CRS = "EPSG:32632"


def write(path: Path, data: NDArray[Any], *, pixel: float = 10.0, shift: float = 0.0, **profile: Any) -> Path:
    """Write (H, W) with its first corner `shift` metres right of and below the common one."""
    place = Affine(pixel, 0, WEST + shift, 0, -pixel, NORTH - shift)
    options: dict[str, Any] = {
        "driver": "GTiff",
        "crs": CRS,
        "transform": place,
        "dtype": data.dtype.name,
        **profile,
    }
    with rasterio.open(path, "w", count=1, height=data.shape[0], width=data.shape[1], **options) as file:
        file.write(data, 1)
    return path


def scene(*paths: Path, **request: Any) -> Scene:
    return open_scene(SceneSpec(paths=tuple(map(str, paths)), **request), sensors())


def polygons(path: Path, *shapes: shapely.Geometry, crs: str | None = CRS) -> Path:
    """Write polygons as a vector file."""
    wkb = np.array([shapely.to_wkb(shape) for shape in shapes], dtype=object)
    pyogrio.raw.write(path, wkb, [], [], geometry_type="Polygon", crs=crs or "", driver="GPKG")
    return path


@pytest.fixture
def image(tmp_path: Path) -> Path:
    data = np.random.default_rng(1).integers(1, 9000, (700, 600)).astype(np.uint16)
    return write(tmp_path / "x_nir.tif", data)


def test_bbox_crops_the_grid_in_its_own_crs_and_in_degrees(image: Path) -> None:
    with scene(image) as opened:
        whole = opened.read(opened.grid.window, ["nir"])
        box = (WEST + 105, NORTH - 3000, WEST + 2005, NORTH - 1001)
        part = opened.clip(bbox=box, bbox_crs=CRS)
        assert (part.grid.height, part.grid.width) == (200, 191)
        pixels = part.read(part.grid.window, ["nir"])
        np.testing.assert_array_equal(pixels.data, whole.data[:, 100:300, 10:201])
        assert part.grid.transform.c == WEST + 100
        degrees = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform_bounds(*box)
        rough = opened.clip(bbox=degrees)
        assert 200 <= rough.grid.height <= 206
        assert 191 <= rough.grid.width <= 197


@pytest.mark.parametrize("box", [(0, 0, 0, 1), (2, 5, 3, 4), (0, 0, 1, float("nan"))])
def test_empty_bbox_is_bad_usage(image: Path, box: tuple[float, float, float, float]) -> None:
    with scene(image) as opened, pytest.raises(UsageError):
        opened.clip(bbox=box, bbox_crs=CRS)


def test_area_outside_the_scene_is_an_error(image: Path, tmp_path: Path) -> None:
    with scene(image) as opened:
        with pytest.raises(SceneError, match="outside the scene"):
            opened.clip(bbox=(0, 0, 1, 1))
        far = polygons(tmp_path / "far.gpkg", shapely.box(0, 0, 10, 10))
        with pytest.raises(SceneError, match="outside the scene"):
            opened.clip(aoi=far)
        with pytest.raises(UsageError, match="bbox-crs"):
            opened.clip(bbox=(0, 0, 1, 1), bbox_crs="EPSG:0")


def test_aoi_masks_pixels_whose_centre_lies_outside(image: Path, tmp_path: Path) -> None:
    shape = shapely.Polygon(
        [(WEST + 101.3, NORTH - 102.7), (WEST + 5901.9, NORTH - 603.1), (WEST + 3007.7, NORTH - 6501.1)]
    )
    hole = shape.difference(shapely.Point(WEST + 3000, NORTH - 2000).buffer(500))
    aoi = polygons(tmp_path / "aoi.gpkg", hole)
    with scene(image) as opened:
        part = opened.clip(aoi=aoi)
        valid = part.read(part.grid.window, ["nir"]).valid
        rows, cols = np.mgrid[: part.grid.height, : part.grid.width] + 0.5
        place = part.grid.transform
        inside = shapely.contains_xy(hole, place.c + cols * place.a, place.f + rows * place.e)
        np.testing.assert_array_equal(valid, inside)
        window = Window(row=470, col=-20, height=130, width=333)
        rows_, cols_ = window.slices(part.grid.window)
        np.testing.assert_array_equal(
            part.read(window, ["nir"]).valid[:, 20:], valid[rows_, max(cols_.start, 0) : cols_.stop]
        )


def test_aoi_in_degrees_as_geojson(image: Path, tmp_path: Path) -> None:
    back = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    ring = [
        back.transform(WEST + x, NORTH - y)
        for x, y in ((1000, 1000), (3000, 1000), (3000, 2000), (1000, 2000))
    ]
    feature = {
        "type": "Feature",
        "properties": {},
        "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
    }
    path = tmp_path / "aoi.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    with scene(image) as opened:
        part = opened.clip(aoi=path)
        valid = part.read(part.grid.window, ["nir"]).valid
    assert valid.sum() == pytest.approx(200 * 100, rel=0.01)


def test_select_after_clip_keeps_the_clip(tmp_path: Path, image: Path) -> None:
    coarse = write(tmp_path / "x_green.tif", np.full((350, 300), 7, np.uint16), pixel=20)
    with scene(image, coarse) as opened:
        part = opened.clip(bbox=(WEST, NORTH - 2000, WEST + 1000, NORTH), bbox_crs=CRS)
        assert part.grid.height == 200
        assert part.select(["green"]).grid.height == 100


def test_vector_files_without_polygons_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "points.gpkg"
    wkb = np.array([shapely.to_wkb(shapely.Point(1, 1))], dtype=object)
    pyogrio.raw.write(path, wkb, [], [], geometry_type="Point", crs=CRS, driver="GPKG")
    with pytest.raises(SceneError, match="no polygons"):
        open_vector_layer(path, "water")
    with pytest.raises(SceneReadError, match="check the path"):
        open_vector_layer(tmp_path / "none.gpkg", "water")


def stack(tmp_path: Path, image: Path) -> tuple[Stack, list[Scene]]:
    """A scene, an earlier one shifted by 5 pixels, heights with a hole, classes at 30 m, water polygons."""
    before = write(tmp_path / "y_nir.tif", np.full((690, 590), 500, np.uint16), shift=50)
    heights = np.linspace(0, 30, 350 * 300, dtype=np.float32).reshape(350, 300)
    heights[10, 10] = np.nan
    hand = write(tmp_path / "h.tif", heights, pixel=20)
    land = np.random.default_rng(3).integers(0, 5, (240, 210)).astype(np.uint8)
    classes = write(tmp_path / "c.tif", land, pixel=30, shift=-15)
    water = polygons(tmp_path / "w.gpkg", shapely.box(WEST, NORTH - 1000, WEST + 500, NORTH))
    scenes = [scene(image), scene(before)]
    layers = [
        StackLayer(source=scenes[1], prefix="before"),
        StackLayer(source=open_raster_layer(hand, "hand", categorical=False), required=False),
        StackLayer(source=open_raster_layer(classes, "land", categorical=True)),
        StackLayer(source=open_vector_layer(water, "permanent_water")),
    ]
    return Stack(scenes[0], layers), scenes


def test_stack_aligns_layers_and_joins_validity(tmp_path: Path, image: Path) -> None:
    made, _ = stack(tmp_path, image)
    source: Source = made
    assert source.band_names == ("nir", "before:nir", "hand", "land", "permanent_water")
    pixels = source.read(source.grid.window, ["before:nir", "hand", "nir"])
    assert not pixels.valid[:5].any()
    assert not pixels.valid[:, :5].any()
    assert pixels.valid[5:695, 5:595].all()
    assert np.isnan(pixels.data[1][20:22, 20:22]).all()
    assert pixels.data.dtype == np.float32
    kept = source.read(source.grid.window, ["nir", "before:nir"])
    assert kept.data.dtype == np.uint16
    water = source.read(source.grid.window, ["permanent_water"])
    assert water.data.sum() == 100 * 50
    land = source.read(source.grid.window, ["land"])
    assert set(np.unique(land.data)) == set(range(5))
    assert source.cache_bytes(["nir", "hand"]) > source.cache_bytes(["nir"]) > 0
    json.dumps(source.describe())
    with pytest.raises(BandError, match="slope"):
        source.read(source.grid.window, ["slope"])


def test_a_band_may_be_asked_for_twice(tmp_path: Path, image: Path) -> None:
    made, _ = stack(tmp_path, image)
    window = Window(row=100, col=100, height=50, width=50)
    once = made.read(window, ["nir", "hand"])
    twice = made.read(window, ["nir", "hand", "nir", "hand"])
    np.testing.assert_array_equal(twice.data, np.concatenate((once.data, once.data)))


@settings(max_examples=20, deadline=None)
@given(
    row=st.integers(-20, 680), col=st.integers(-20, 580), height=st.integers(1, 80), width=st.integers(1, 80)
)
def test_any_window_of_a_stack_is_a_slice(
    whole: tuple[Stack, NDArray[Any], NDArray[np.bool_]], row: int, col: int, height: int, width: int
) -> None:
    made, data, valid = whole
    window = Window(row=row, col=col, height=height, width=width)
    part = made.read(window, made.band_names)
    rows, cols = window.slices(made.grid.window.pad(100))
    np.testing.assert_array_equal(part.valid, valid[rows, cols])
    np.testing.assert_array_equal(part.physical(), data[:, rows, cols])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Stack, NDArray[Any], NDArray[np.bool_]]:
    folder = tmp_path_factory.mktemp("stack")
    data = np.random.default_rng(1).integers(0, 9000, (700, 600)).astype(np.uint16)
    made, _ = stack(folder, write(folder / "x_nir.tif", data, nodata=0))
    pixels = made.read(made.grid.window.pad(100), made.band_names)
    return made, pixels.physical(), pixels.valid


def test_a_band_asked_for_twice_is_there_twice(tmp_path: Path, image: Path) -> None:
    """Networks that see two dates with one layer read it for each."""
    made, _ = stack(tmp_path, image)
    window = Window(row=5, col=7, height=30, width=40)
    for once in (made.band_names, ("nir", "before:nir")):
        single, double = made.read(window, once), made.read(window, once * 2)
        assert double.bands == once * 2
        np.testing.assert_array_equal(double.data, np.concatenate([single.data, single.data]))
        assert (double.scale, double.offset) == (single.scale * 2, single.offset * 2)


def test_layers_without_crs(tmp_path: Path, image: Path) -> None:
    plain = write(tmp_path / "plain.tif", np.ones((700, 600), np.uint8), crs=None)
    with scene(image) as opened, pytest.raises(SceneError, match="has no CRS but the scene has one"):
        Stack(opened, [StackLayer(source=open_raster_layer(plain, "hand", categorical=False))])


def test_two_layers_of_one_name(tmp_path: Path, image: Path) -> None:
    layer = StackLayer(source=open_raster_layer(image, "hand", categorical=False))
    with scene(image) as opened, pytest.raises(BandError, match="hand"):
        Stack(opened, [layer, layer])
    with pytest.raises(BandError, match="1 band"):
        open_raster_layer(image, "hand", categorical=False, index=2)
