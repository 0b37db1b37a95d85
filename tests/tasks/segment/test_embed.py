"""Features of a scene as files: on the grid of the patches, whatever the number format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from numpy.typing import NDArray

pytest.importorskip("torch", reason="the extra `train` is not installed")

from geoseg.engine.plan import Plan
from geoseg.errors import ModelError, SceneError, UsageError
from geoseg.grid import Window
from geoseg.run_record import RunRecord
from geoseg.scenes import open_scene
from geoseg.scenes.embeddings import check_comparable
from geoseg.spec import EmbedSpec, RunSpec, SceneSpec, SegmentSpec
from geoseg.spec.embed import EmbedRun
from geoseg.spec.presets import encoders, sensors
from geoseg.tasks.segment.embed import embed
from geoseg.tasks.segment.segmentation_map import map_segments
from tests.messages import Messages, progress
from tests.products.ground import CRS, Ground, write_raster

BANDS = ("blue", "green", "red", "nir")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def cached(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEOSEG_CACHE", str(cache))


def scene(folder: Path, *, name: str = "scene", gap: bool = False, bands: tuple[str, ...] = BANDS) -> Path:
    values = np.stack([Ground().reflectance(band) for band in bands]).astype(np.float32)
    if gap:
        values[:, :50, :50] = np.nan
    return write_raster(folder / f"{name}.tif", values, descriptions=bands, crs=CRS, nodata=np.nan)


def run(scenes: tuple[Path, ...], output: Path, *, dry_run: bool = False, **options: Any) -> RunRecord | Plan:
    own = {name: options.pop(name) for name in ("tile", "overlap", "overwrite", "report") if name in options}
    spec = EmbedSpec(
        scene=SceneSpec(paths=tuple(map(str, scenes)), sensor="sentinel-2-l2a-harmonised", clouds="none"),
        run=EmbedRun(output=output, **own),
        weights=options.pop("weights", "none"),
        **options,
    )
    return embed(spec, progress, dry_run=dry_run)


def read(path: Path) -> NDArray[np.float32]:
    """Return the values with their scales, NaN where nodata."""
    with rasterio.open(path) as file:
        values = file.read(masked=True).astype(np.float32) * np.asarray(file.scales)[:, None, None]
        return np.asarray(values.filled(np.nan), np.float32)


def test_a_raster_has_a_pixel_per_patch_and_says_what_it_is(tmp_path: Path) -> None:
    record = run((scene(tmp_path, gap=True),), out := tmp_path / "emb.tif", patch=4, tile=32)
    assert isinstance(record, RunRecord)
    with rasterio.open(out) as file:
        tags, names, place = file.tags(), file.descriptions, file.transform
        layout = file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"]
    with rasterio.open(tmp_path / "scene.tif") as file:
        pixel = file.transform
    assert layout == "COG"
    assert names[:2] == ("e00", "e01")
    assert names[-1] == "e127"
    assert (place.a, place.e, place.c, place.f) == (pixel.a * 4, pixel.e * 4, pixel.c, pixel.f)
    assert tags["EMBEDDING_ENCODER"] == "galileo-nano"
    assert tags["EMBEDDING_WEIGHTS"] == "random"
    assert tags["EMBEDDING_BANDS"] == "blue,green,red,nir"
    assert json.loads(tags["GEOSEG_RECORD"])["task"] == "embedding"
    values = read(out)
    assert values.shape == (128, 45, 45)
    # Pixels 0 to 49 are not observed; of cell 12, pixels 48 to 51, half are.
    assert np.isnan(values[:, :12, :12]).all()
    assert np.isfinite(values[:, 13:]).all()


def test_features_do_not_depend_on_the_number_format(tmp_path: Path) -> None:
    made = scene(tmp_path)
    found = {}
    for dtype in ("float32", "float16", "int8"):
        run((made,), out := tmp_path / f"{dtype}.tif", patch=4, tile=32, dtype=dtype)
        found[dtype] = read(out)
    exact = found["float32"]
    greatest = np.abs(exact).max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(found["float16"], exact, rtol=2**-11, atol=1e-7)
    assert (np.abs(found["int8"] - exact) <= 0.501 * greatest / 127 + 1e-6).all()


def test_even_ground_has_even_features(tmp_path: Path) -> None:
    """The mean of the training images in each band: a mosaic of tiles shows no pattern of positions."""
    facts = encoders()["galileo-nano"]
    means = [(facts.bands[b].mean + facts.centre * facts.bands[b].std) / 10_000 for b in BANDS]
    even = np.broadcast_to(np.array(means, np.float32)[:, None, None], (4, 160, 160))
    made = write_raster(tmp_path / "even.tif", even, descriptions=BANDS, crs=CRS)
    run((made,), out := tmp_path / "emb.tif", patch=4, tile=32, dtype="float32")
    values = read(out)
    assert values.std(axis=(1, 2)).max() < 1e-4


def test_a_table_has_the_mean_of_every_tile(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    made = scene(tmp_path, gap=True)
    run((made,), tmp_path / "emb.tif", patch=4, tile=32, dtype="float32")
    run((made,), out := tmp_path / "emb.parquet", patch=4, tile=32)
    table, values = parquet.read_table(out), read(tmp_path / "emb.tif")
    vectors = np.stack(table["embedding"].to_numpy())
    shapes = shapely.from_wkb(table["geometry"].to_numpy())
    assert json.loads(table.schema.metadata[b"geo"])["columns"]["geometry"]["crs"]["id"]["code"] == 32633
    assert table.schema.metadata[b"EMBEDDING_ENCODER"] == b"galileo-nano"
    # 45 cells: six squares of eight a side, the last cut by the scene; one lies in the gap.
    assert len(vectors) == 35
    with rasterio.open(tmp_path / "emb.tif") as file:
        for vector, shape, share in zip(vectors, shapes, table["observed"].to_pylist(), strict=True):
            window = file.window(*shape.bounds).round_offsets().round_lengths()
            own = values[(slice(None), *window.toslices())]
            np.testing.assert_allclose(vector, np.nanmean(own, axis=(1, 2)), atol=1e-5)
            assert share == pytest.approx(np.isfinite(own[0]).mean())


def test_two_dates_are_one_series(tmp_path: Path, messages: Messages) -> None:
    dates = tuple(scene(tmp_path, name=f"S2_2024{month:02d}15") for month in (7, 1))
    run(dates, out := tmp_path / "emb.tif", patch=8, tile=64, dates=2)
    with rasterio.open(out) as file:
        assert file.tags()["EMBEDDING_DATES"] == "2"
    with pytest.raises(UsageError, match="`--dates 3` needs 3 scenes, one per date"):
        run(dates, out, patch=8, tile=64, dates=3, overwrite=True)
    with pytest.raises(SceneError, match=r"is given for two dates: `--dates 2` needs different scenes"):
        run((dates[0], dates[0]), out, patch=8, tile=64, dates=2, overwrite=True)


def test_a_missing_band_is_said(tmp_path: Path, messages: Messages) -> None:
    run((scene(tmp_path),), tmp_path / "emb.tif", patch=4, tile=32)
    assert any("gives it no rededge071" in text for text in messages.notes)


def test_the_report_is_a_file_of_the_run(tmp_path: Path) -> None:
    made = run((scene(tmp_path),), tmp_path / "emb.tif", patch=8, tile=64, report=tmp_path / "emb.html")
    assert isinstance(made, RunRecord)
    assert made.outputs == (tmp_path / "emb.tif", tmp_path / "emb.html")
    assert "principal components" in (tmp_path / "emb.html").read_text(encoding="utf-8")


def test_a_plan_scores_one_tile_and_writes_nothing(tmp_path: Path) -> None:
    found = run((scene(tmp_path),), out := tmp_path / "emb.tif", patch=4, tile=32, dry_run=True)
    assert isinstance(found, Plan)
    assert found.tile == 32
    assert not out.exists()


def test_files_are_scenes_that_compare_with_their_like_only(tmp_path: Path) -> None:
    made = scene(tmp_path)
    options: dict[str, Any] = {"patch": 4, "tile": 32}
    run((made,), tmp_path / "a.tif", **options)
    run((made,), tmp_path / "b.tif", dtype="int8", **options)
    fewer = scene(tmp_path, name="fewer", bands=BANDS[:3])
    run((fewer,), tmp_path / "c.tif", **options)
    first, same, other = (
        open_scene(SceneSpec(paths=(str(tmp_path / f"{name}.tif"),)), sensors()) for name in "abc"
    )
    assert first.sensor is not None
    assert first.sensor.name == "encoder-features"
    check_comparable(first, same)
    window = Window(row=20, col=20, height=4, width=4)
    vectors = [item.read(window, item.band_names).physical() for item in (first, same)]
    greatest = np.abs(read(tmp_path / "a.tif")).max(axis=(1, 2))[:, None, None]
    assert (np.abs(vectors[0] - vectors[1]) < 0.51 * greatest / 127 + 1e-3).all()
    with pytest.raises(SceneError, match=r"embedding_bands .* blue,green,red,nir"):
        check_comparable(first, other)


@pytest.mark.parametrize(
    ("name", "options", "error", "text"),
    [
        ("emb.gpkg", {}, UsageError, r"use \.tif or \.parquet"),
        ("emb.tif", {"encoder": "galileo"}, UsageError, "there is no encoder galileo; geoseg has"),
        ("emb.tif", {"weights": "auto"}, ModelError, "geoseg models pull galileo-nano"),
        ("emb.tif", {"patch": 4, "tile": 512}, UsageError, "use `--tile 64`"),
        ("emb.tif", {"patch": 4, "tile": 32, "overlap": 6}, UsageError, "multiple of 8"),
    ],
)
def test_what_cannot_be_done_is_refused(
    name: str,
    options: dict[str, Any],
    error: type[Exception],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GEOSEG_MODELS", str(tmp_path / "models"))
    with pytest.raises(error, match=text):
        run((scene(tmp_path),), tmp_path / name, **options)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize(
    ("sensor", "text"),
    [
        (None, r"galileo-nano reads reflectance, and scene has dn: name the sensor with `--sensor`"),
        ("naip", r"galileo-nano reads reflectance, and scene has dn of naip: give a scene in reflectance"),
    ],
)
@pytest.mark.parametrize("like", [False, True], ids=["embed", "like"])
def test_other_units_are_refused_before_the_encoder_is_exported(
    sensor: str | None, text: str, like: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEOSEG_CACHE", str(tmp_path / "none"))
    stored = np.stack([Ground().reflectance(band) * 250 for band in BANDS]).astype(np.uint8)
    path = write_raster(tmp_path / "scene.tif", stored, descriptions=BANDS, crs=CRS)
    given = SceneSpec(paths=(str(path),), sensor=sensor, clouds="none")
    out = tmp_path / ("map.gpkg" if like else "emb.tif")
    with rasterio.open(path) as file:
        place = file.xy(20, 20)
    similar = SegmentSpec(scene=given, run=RunSpec(output=out), like=(place,), weights="none")
    features = EmbedSpec(scene=given, run=EmbedRun(output=out), weights="none")
    with pytest.raises(ModelError, match=text):
        _ = map_segments(similar) if like else embed(features, progress)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["scene.tif"]
