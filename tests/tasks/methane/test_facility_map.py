"""Maps of facilities by classifiers whose scores are known: the mean of what a window holds."""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pytest
import rasterio
from numpy.typing import NDArray

from geoseg.engine.plan import Plan
from geoseg.errors import SceneError, UsageError
from geoseg.run_record import RunRecord
from geoseg.spec import FacilitiesSpec, ModelSpec, RunSpec, SceneSpec
from geoseg.tasks.methane.facility_map import map_facilities
from geoseg.tasks.methane.facility_scenes import open_inputs, windows_along
from geoseg.tasks.methane.facility_scoring import WindowScores, score_windows
from tests.classifiers import CLASSES, NAIP, SENTINEL_2, mean_classifier, positions, write_scene
from tests.messages import Messages, progress

SENSOR = "sentinel-2-l2a-harmonised"
SIDE, STRIDE = 72, 36


class Mean:
    """A stub: every class scores the mean of band 1 of the first input."""

    def __init__(self, batch: int = 8) -> None:
        self.batch = batch
        self.calls: list[int] = []

    def __call__(self, batch: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        first = next(iter(batch.values()))
        self.calls.append(len(first))
        mean = first[:, 0].mean(axis=(1, 2), dtype=np.float64)
        return np.repeat(mean[:, None], len(CLASSES), axis=1).astype(np.float32)[:, :, None, None]


def request(path: Path, model: ModelSpec, out: Path, **changes: Any) -> FacilitiesSpec:
    """A request; `run` options and the others by name."""
    run = {name: changes.pop(name) for name in list(changes) if name in RunSpec.model_fields}
    spec = {
        "scene": {"paths": (str(path),), "sensor": SENSOR},
        "model": str(model.weights.parent),
        "run": {"output": out, "threads": 1, **run},
    }
    return FacilitiesSpec.model_validate({**spec, **changes})


def mapped(path: Path, model: ModelSpec, out: Path, **changes: Any) -> RunRecord:
    done = map_facilities(request(path, model, out, **changes), progress)
    assert isinstance(done, RunRecord)
    return done


def scored(
    scene: Path, model: ModelSpec, stub: Mean, tmp_path: Path, *, max_memory: int | None = None,
    **changes: Any,
) -> WindowScores:  # fmt: skip
    """Scores by a stub."""
    spec = request(scene, model, tmp_path / "unused.gpkg", **changes)
    with ExitStack() as stack:
        given = open_inputs(model, spec, stack, progress)
        return score_windows(model, stub, given, progress=lambda *_: None, max_memory=max_memory)


def box_means(values: NDArray[Any], rows: int, cols: int, side: int = SIDE) -> NDArray[np.float64]:
    """Means of windows, half a window apart; beyond the array lie zeros."""
    step = side // 2
    room = np.zeros(((rows + 1) * step, (cols + 1) * step))
    part = values[: room.shape[0], : room.shape[1]]
    room[: part.shape[0], : part.shape[1]] = part
    return np.array(
        [
            [room[r * step : r * step + side, c * step : c * step + side].mean() for c in range(cols)]
            for r in range(rows)
        ]
    )


@pytest.fixture
def model(tmp_path: Path) -> ModelSpec:
    return mean_classifier(tmp_path / "mean")


@pytest.fixture
def counts() -> NDArray[np.uint16]:
    """Reflectance x 10000 of 250 x 331 pixels, smooth enough for windows to differ."""
    rng = np.random.default_rng(1)
    rows, cols = np.mgrid[:250, :331]
    wave = 3000 + 2000 * np.sin(rows / 40) * np.cos(cols / 55)
    return np.asarray(wave + rng.integers(0, 500, wave.shape), np.uint16)


@pytest.fixture
def scene(tmp_path: Path, counts: NDArray[np.uint16]) -> Path:
    return write_scene(tmp_path / "scene.tif", counts[None], ["green"])


def test_scores_are_box_means(
    scene: Path, model: ModelSpec, counts: NDArray[np.uint16], tmp_path: Path
) -> None:
    found = scored(scene, model, Mean(), tmp_path)
    rows, cols = windows_along(250, SIDE), windows_along(331, SIDE)
    assert (rows, cols) == (6, 8)
    assert found.scores.shape == (6, rows, cols)
    expected = box_means(counts / 1e4, rows, cols)
    assert np.abs(found.scores - expected).max() < 1e-6
    # The grid's first cell stands around the centre of the first window, half a window a side.
    assert found.grid.transform[:6] == (360, 0, 500_180, 0, -360, 4_999_820)


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_rasters_hold_box_means_and_points_stand_on_window_centres(
    runtime: str, scene: Path, model: ModelSpec, counts: NDArray[np.uint16], tmp_path: Path
) -> None:
    if runtime == "openvino":
        pytest.importorskip("openvino")
    out, raster = tmp_path / "map.gpkg", tmp_path / "scores.tif"
    mapped(scene, model, out, scores=raster, threshold=0.35, runtime=runtime)
    with rasterio.open(raster) as file:
        values, transform = file.read(), file.transform
        assert file.descriptions == tuple(item.label for item in CLASSES)
        assert file.dtypes == ("float32",) * 6
        assert file.crs.to_epsg() == 32633
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    assert np.abs(values - box_means(counts / 1e4, *values.shape[1:])).max() < 1e-6
    points = geopandas.read_file(out, layer="facilities")
    assert points.crs.to_epsg() == 32633
    assert len(points) > 3
    cols, rows = (np.array(v) for v in positions(transform, points.geometry.x, points.geometry.y))
    np.testing.assert_array_equal(rows % 1, 0.5)
    np.testing.assert_array_equal(cols % 1, 0.5)
    at = rows.astype(int), cols.astype(int)
    for index, name in enumerate([name for name in points.columns if name.startswith("score_")]):
        np.testing.assert_array_equal(points[name], values[index][at])
    squares = geopandas.read_file(out, layer="footprints")
    assert squares.area.tolist() == [720.0**2] * len(points)
    assert (squares.centroid.distance(points.geometry) < 1e-6).all()


def test_a_real_scene(data_dir: Path, tmp_path: Path, model: ModelSpec) -> None:
    path = data_dir / "scene-s2" / "dal_lake_green.tif"
    scene = {"paths": (str(path),), "bands": {"green": str(path)}, "sensor": SENSOR}
    out, raster = tmp_path / "map.gpkg", tmp_path / "scores.tif"
    done = mapped(path, model, out, scores=raster, threshold=0.1, scene=scene)
    with rasterio.open(path) as file:
        values, crs = file.read(1) / 1e4, file.crs
        origin = np.array([file.transform.c, file.transform.f])
    with rasterio.open(raster) as file:
        found = file.read()
    assert found.shape == (6, 30, 30)
    whole = found[:, :29, :29]
    assert np.abs(whole - box_means(values, 30, 30)[:29, :29]).max() < 1e-6
    points = geopandas.read_file(out, layer="facilities")
    assert len(points) == sum(item.polygons for item in done.classes) > 0
    assert points.crs == crs
    along = np.abs(np.stack([points.geometry.x, points.geometry.y], 1) - origin) / 360
    np.testing.assert_array_equal(along % 1, 0)
    assert along.min() >= 1


def test_a_real_scene_in_degrees(
    data_dir: Path, tmp_path: Path, model: ModelSpec, messages: Messages
) -> None:
    """Windows are 720 m on the ground whatever the CRS."""
    scene = {"paths": (str(data_dir / "change-s2" / "bordeaux" / "before"),)}
    spec = request(tmp_path, model, tmp_path / "map.gpkg", threshold=0.05, scene=scene)
    map_facilities(spec, progress)
    assert any("are resampled to 10 m" in note for note in messages.notes)
    squares = geopandas.read_file(tmp_path / "map.gpkg", layer="footprints")
    assert squares.crs.to_epsg() == 4326
    metric = squares.to_crs(squares.estimate_utm_crs())
    np.testing.assert_allclose(metric.area, 720**2, rtol=0.01)
    bounds = metric.bounds
    np.testing.assert_allclose(bounds.maxx - bounds.minx, 720, rtol=0.03)


@pytest.mark.parametrize("batch", [1, 5, 64])
@pytest.mark.parametrize("memory", [None, 331])
def test_neither_batch_nor_strips_change_a_score(
    batch: int, memory: int | None, scene: Path, model: ModelSpec, tmp_path: Path
) -> None:
    stub = Mean(batch)
    usual = scored(scene, model, Mean(), tmp_path)
    other = scored(scene, model, stub, tmp_path, max_memory=memory)
    np.testing.assert_array_equal(usual.scores, other.scores)
    assert max(stub.calls) == min(batch, 48)
    assert sum(stub.calls) == 48


def test_memory_does_not_grow_with_height(tmp_path: Path, model: ModelSpec) -> None:
    peaks = []
    for height in (1000, 16_000):
        values = np.full((1, height, 500), 3000, np.uint16)
        path = write_scene(tmp_path / f"{height}.tif", values, ["green"])
        del values
        with ExitStack() as stack:
            spec = request(path, model, tmp_path / "unused.gpkg")
            given = open_inputs(model, spec, stack, progress)
            tracemalloc.start()
            score_windows(model, Mean(), given, progress=lambda *_: None)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    # Only the table of scores grows, 24 bytes a window, with the strips that it is put together from.
    assert peaks[1] - peaks[0] < 3 * 24 * 450 * 13


def test_unobserved_pixels_are_the_mean_and_half_is_needed(
    counts: NDArray[np.uint16], model: ModelSpec, tmp_path: Path
) -> None:
    values = counts[:144, :144].copy()
    values[:, :40] = 0
    path = write_scene(tmp_path / "holes.tif", values[None], ["green"], nodata=0)
    found = scored(path, model, Mean(), tmp_path).scores[0]
    assert np.isnan(found[:, 0]).all()
    expected = box_means(values / 1e4, 3, 3)
    assert np.abs(found[:, 1:] - expected[:, 1:]).max() < 1e-6


def test_several_sensors_each_in_its_own_pixels(
    counts: NDArray[np.uint16], scene: Path, tmp_path: Path, messages: Messages
) -> None:
    """A footprint has 72 pixels of Sentinel-2 and 720 of NAIP; the graph adds their means."""
    model = mean_classifier(tmp_path / "two", (SENTINEL_2, NAIP), gains=[0.5] * 6)
    rng = np.random.default_rng(2)
    fine = rng.integers(0, 255, (2, 1500, 1500), dtype=np.uint8)
    naip = write_scene(tmp_path / "naip.tif", fine, ["red", "nir"], pixel=1, scale=1)
    spec = request(scene, model, tmp_path / "a.gpkg", scores=tmp_path / "a.tif", threshold=0.2)
    map_facilities(spec, progress)
    assert any("input naip has no scene" in note for note in messages.notes)
    both = spec.model_copy(
        update={
            "also": {"naip": str(naip)},
            "run": spec.run.model_copy(update={"output": tmp_path / "b.gpkg", "scores": tmp_path / "b.tif"}),
        }
    )
    record = map_facilities(both, progress)
    assert isinstance(record, RunRecord)
    assert [item["input"] for item in record.inputs] == ["sentinel-2", "naip"]
    with rasterio.open(tmp_path / "a.tif") as one, rasterio.open(tmp_path / "b.tif") as other:
        alone, added = one.read(1), other.read(1)
    rows, cols = alone.shape
    first = box_means(counts / 1e4, rows, cols) / 2
    assert np.abs(alone - first).max() < 1e-6
    # The NAIP scene covers the first windows wholly, the last not at all: these are as if it were missing.
    second = box_means(fine[0] / 255, rows, cols, side=720) / 2
    assert np.abs((added - alone)[:3, :3] - second[:3, :3]).max() < 1e-5
    np.testing.assert_array_equal(added[:, 5:], alone[:, 5:])


def test_a_further_scene_of_another_place_is_refused(scene: Path, tmp_path: Path) -> None:
    model = mean_classifier(tmp_path / "two", (SENTINEL_2, NAIP))
    fine = np.full((2, 800, 800), 99, np.uint8)
    far = write_scene(tmp_path / "far.tif", fine, ["red", "nir"], pixel=1, scale=1, west=400_000)
    with pytest.raises(SceneError, match=r"`--also naip=.*far\.tif` does not overlap scene"):
        mapped(scene, model, tmp_path / "a.gpkg", also={"naip": str(far)})


def test_the_scene_may_be_any_input(scene: Path, tmp_path: Path) -> None:
    model = mean_classifier(tmp_path / "two", (NAIP, SENTINEL_2))
    done = mapped(scene, model, tmp_path / "a.gpkg", sensor_input="sentinel-2", threshold=0.4)
    assert any("input naip has no scene" in note for note in done.notes)
    with pytest.raises(UsageError, match="is given twice, as SCENE and by `--also`"):
        mapped(scene, model, tmp_path / "b.gpkg", sensor_input="sentinel-2", also={"sentinel-2": "x.tif"})
    with pytest.raises(UsageError, match="has no input 'sentinel-1'; it has naip, sentinel-2"):
        mapped(scene, model, tmp_path / "b.gpkg", also={"sentinel-1": "x.tif"})


def test_nothing_found_is_a_valid_map(scene: Path, model: ModelSpec, tmp_path: Path) -> None:
    out = tmp_path / "map.gpkg"
    done = mapped(scene, model, out, threshold=0.9)
    assert all(item.polygons == 0 for item in done.classes)
    assert [tuple(item) for item in pyogrio.list_layers(out)[:3]] == [
        ("facilities", "Point"), ("footprints", "MultiPolygon"), ("scene", "MultiPolygon"),
    ]  # fmt: skip
    for layer in ("facilities", "footprints"):
        table = geopandas.read_file(out, layer=layer)
        assert len(table) == 0
        assert {"class", "label", "score", "score_landfills"} <= set(table.columns)
    assert len(geopandas.read_file(out, layer="scene")) == 1


@pytest.mark.parametrize("suffix", [".fgb", ".geojson", ".parquet"])
def test_other_formats_put_footprints_beside(
    suffix: str, scene: Path, model: ModelSpec, tmp_path: Path
) -> None:
    out = tmp_path / f"map{suffix}"
    mapped(scene, model, out, threshold=0.4)
    read = geopandas.read_parquet if suffix == ".parquet" else geopandas.read_file
    points, squares = read(out), read(tmp_path / f"map.footprints{suffix}")
    assert set(points.geom_type) == {"Point"}
    assert set(squares.geom_type) == {"MultiPolygon"}
    assert len(points) == len(squares) > 0
    assert points["score"].tolist() == squares["score"].tolist()
    assert (tmp_path / f"map.scene{suffix}").is_file()


def test_another_crs_and_a_smaller_area(scene: Path, model: ModelSpec, tmp_path: Path) -> None:
    box = (500_400.0, 4_998_000.0, 502_400.0, 4_999_600.0)
    plain = tmp_path / "plain.gpkg"
    mapped(scene, model, plain, threshold=0.2, bbox=box, bbox_crs="EPSG:32633", picture=tmp_path / "p.png")
    moved = tmp_path / "moved.gpkg"
    mapped(scene, model, moved, threshold=0.2, bbox=box, bbox_crs="EPSG:32633", dst_crs="EPSG:4326")
    one, other = (geopandas.read_file(path, layer="facilities") for path in (plain, moved))
    assert other.crs.to_epsg() == 4326
    assert (one.geometry.distance(other.to_crs(32633).geometry) < 0.01).all()
    assert one.geometry.x.min() == 500_400 + 360
    assert (tmp_path / "p.png").stat().st_size > 1000


def test_a_plan_counts_windows(scene: Path, model: ModelSpec, tmp_path: Path) -> None:
    plan = map_facilities(request(scene, model, tmp_path / "a.gpkg"), progress, dry_run=True)
    assert isinstance(plan, Plan)
    assert (plan.tiles, plan.tile, plan.overlap) == (48, SIDE, STRIDE)
    assert not (tmp_path / "a.gpkg").exists()


def test_options_that_nothing_reads_are_warned_of(
    scene: Path, model: ModelSpec, tmp_path: Path, messages: Messages
) -> None:
    spec = request(scene, model, tmp_path / "x.gpkg", bbox_crs="EPSG:3857", batch_size=2)
    map_facilities(spec, progress, dry_run=True)
    assert any("`--bbox-crs`: not used, because there is no `--bbox`" in text for text in messages.warnings)


def test_too_small_and_no_crs(counts: NDArray[np.uint16], model: ModelSpec, tmp_path: Path) -> None:
    small = write_scene(tmp_path / "small.tif", counts[None, :71, :90], ["green"])
    with pytest.raises(
        SceneError, match=r"900 x 710 m, smaller than a footprint of model mean \(720 x 720 m\)"
    ):
        mapped(small, model, tmp_path / "a.gpkg")
    lost = write_scene(tmp_path / "lost.tif", counts[None], ["green"], crs=None)
    with pytest.raises(SceneError, match="has no CRS, so its pixel size in metres is unknown"):
        mapped(lost, model, tmp_path / "a.gpkg")
    exact = write_scene(tmp_path / "exact.tif", counts[None, :72, :72], ["green"])
    assert mapped(exact, model, tmp_path / "a.gpkg", threshold=0.01).classes[0].polygons == 1


def test_coarse_pixels_are_warned_of(counts: NDArray[np.uint16], model: ModelSpec, tmp_path: Path) -> None:
    coarse = write_scene(tmp_path / "coarse.tif", counts[None], ["green"], pixel=30)
    done = mapped(coarse, model, tmp_path / "a.gpkg", threshold=0.01)
    assert any("has pixels of 30 x 30 m" in item.text for item in done.warnings)


def test_options_of_other_maps_are_refused(scene: Path, model: ModelSpec, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`--tile`, `--tta` does not apply to facilities"):
        mapped(scene, model, tmp_path / "a.gpkg", tile=64, tta=True)


def test_scene_specs_are_kept(scene: Path, model: ModelSpec, tmp_path: Path) -> None:
    record = mapped(scene, model, tmp_path / "a.gpkg")
    assert SceneSpec.model_validate(record.command["scene"]).paths == (str(scene),)
    assert record.model is not None
    assert record.model["sha256"] == model.sha256
