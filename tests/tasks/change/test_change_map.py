"""Change between two dates, as a whole: what must be found, what must not, and what must not matter."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from PIL import Image
from pyproj import Transformer
from rasterio.warp import Resampling, reproject
from scipy.ndimage import gaussian_filter

from geoseg.errors import BandError, SceneError, UsageError
from geoseg.run_record import RunRecord
from geoseg.spec import ChangeSpec, RunSpec, SceneSpec
from geoseg.tasks.change.change_map import map_change
from tests.messages import Messages, listening, progress

BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
FOREST = (0.03, 0.06, 0.04, 0.40, 0.18, 0.08)
SOIL = (0.10, 0.13, 0.17, 0.22, 0.30, 0.27)
WATER = (0.06, 0.05, 0.03, 0.02, 0.01, 0.01)
SIDE = 220
Cube = NDArray[np.float32]


def _scene(seed: int = 0, side: int = SIDE) -> Cube:
    """Fields of forest and soil with texture, in reflectance (6, side, side)."""
    rng = np.random.default_rng(seed)
    soft = gaussian_filter(rng.normal(size=(side, side)), 9)
    share = (soft > np.median(soft)).astype(float)
    share = gaussian_filter(share, 1)
    cube = np.stack([a * share + b * (1 - share) for a, b in zip(FOREST, SOIL, strict=True)])
    texture = 1 + 0.05 * gaussian_filter(rng.normal(size=(side, side)), 1.5) / 0.19
    return np.asarray(cube * texture, np.float32)


def _noisy(cube: Cube, seed: int) -> Cube:
    return np.asarray(cube + np.random.default_rng(seed).normal(0, 0.003, cube.shape), np.float32)


def _write(
    path: Path,
    cube: Cube,
    *,
    transform: Affine | None = None,
    crs: str | None = "EPSG:32633",
    names: tuple[str, ...] = BANDS,
) -> str:
    stored = np.clip(np.rint(cube * 10_000), 1, 65_535).astype(np.uint16)
    with rasterio.open(
        path, "w", driver="GTiff", width=cube.shape[2], height=cube.shape[1], count=len(cube), dtype="uint16",
        crs=crs, transform=transform or Affine(10, 0, 500_000, 0, -10, 4_600_000), nodata=0,
    ) as file:  # fmt: skip
        file.write(stored)
        file.descriptions = names
    return str(path)


@pytest.fixture
def change(tmp_path: Path) -> Callable[..., tuple[RunRecord, Messages]]:
    """Map two cubes or files."""

    def run(before: Cube | str, after: Cube | str, **options: object) -> tuple[RunRecord, Messages]:
        paths = [
            item if isinstance(item, str) else _write(tmp_path / f"{name}.tif", item)
            for name, item in (("before", before), ("after", after))
        ]
        own = {name: options.pop(name) for name in list(options) if name in RunSpec.model_fields}
        outputs = {"output": tmp_path / "map.gpkg", "raster": tmp_path / "map.tif", "overwrite": True}
        sensor = options.pop("sensor", "sentinel-2-l2a-harmonised")
        scenes = [SceneSpec.model_validate({"paths": (path,), "sensor": sensor}) for path in paths]
        spec = ChangeSpec.model_validate(
            {"before": scenes[0], "after": scenes[1], "run": {**outputs, **own}, **options}
        )
        with listening() as told:
            record = map_change(spec, progress)
        assert isinstance(record, RunRecord)
        return record, told

    return run


Change = Callable[..., tuple[RunRecord, Messages]]


def _cleared(cube: Cube) -> tuple[Cube, NDArray[np.bool_]]:
    """A clearing of soil and a pond in what was forest or soil."""
    out = cube.copy()
    where = np.zeros(cube.shape[1:], bool)
    for rows, cols, spectrum in (
        (slice(40, 70), slice(50, 90), SOIL),
        (slice(120, 150), slice(130, 170), WATER),
    ):
        out[:, rows, cols] = np.array(spectrum)[:, None, None]
        where[rows, cols] = True
    return out, where


@pytest.mark.parametrize("method", ["auto", "mad", "irmad", "cva"])
def test_what_changed_is_found(method: str, change: Change, tmp_path: Path) -> None:
    ground = _scene()
    after, where = _cleared(ground)
    change(_noisy(ground, 1), _noisy(after, 2), method=method)
    with rasterio.open(tmp_path / "map.tif") as file:
        found = file.read(1) > 0
    right = (found & where).sum()
    assert right / where.sum() > 0.8
    assert right / found.sum() > 0.7


def test_polygons_say_from_what_to_what(change: Change, tmp_path: Path) -> None:
    ground = _scene()
    after, _ = _cleared(ground)
    record, _ = change(
        _noisy(ground, 1),
        _noisy(after, 2),
        date_before="2020-06-01",
        date_after="2023-06-01",
        rules="land-cover",
    )
    table = pyogrio.read_dataframe(tmp_path / "map.gpkg", layer="change")
    assert set(table["date_before"].astype(str)) == {"2020-06-01"}
    assert set(table["date_after"].astype(str)) == {"2023-06-01"}
    assert (table["score_mean"].between(0.5, 1)).all()
    water = table[table["to_label"] == "water"]
    assert water["area_m2"].sum() == pytest.approx(30 * 40 * 100, rel=0.3)
    assert set(water["type_label"]) == {"water gain"}
    cleared = table[table["from_label"] == "dense vegetation"]
    assert len(cleared)
    assert (table["class"] == table["from_class"] * 9 + table["to_class"]).all()
    transitions = pyogrio.read_dataframe(tmp_path / "map.gpkg", layer="transitions")
    assert transitions["pixels"].sum() == SIDE * SIDE
    rows = {str(row["label"]): row for row in record.tables["gain_loss"]}
    assert float(rows["water"]["gain_ha"]) == pytest.approx(12, rel=0.3)
    assert float(rows["water"]["net_ha"]) == pytest.approx(
        float(rows["water"]["after_ha"]) - float(rows["water"]["before_ha"]), abs=1e-3
    )


def test_the_style_goes_by_kinds_of_transition(change: Change, tmp_path: Path) -> None:
    ground = _scene()
    after, _ = _cleared(ground)
    change(_noisy(ground, 1), _noisy(after, 2), rules="land-cover")
    with sqlite3.connect(tmp_path / "map.gpkg") as file:
        (style,) = file.execute("SELECT styleQML FROM layer_styles WHERE f_table_name = 'change'").fetchone()
    assert 'attr="type"' in style
    assert "water gain" in style


def test_ground_that_did_not_change_is_drawn_as_it_is(change: Change, tmp_path: Path) -> None:
    ground = _scene()
    after, _ = _cleared(ground)
    pictures: list[NDArray[np.int64]] = []
    for rules in ({}, {"rules": "land-cover"}):
        path = tmp_path / f"{len(pictures)}.png"
        change(_noisy(ground, 1), _noisy(after, 2), picture=path, **rules)
        pictures.append(np.asarray(Image.open(path).convert("RGB")).astype(int))
    height = min(len(item) for item in pictures)
    width = min(item.shape[1] for item in pictures)
    same = (pictures[0][:height, :width] == pictures[1][:height, :width]).all(axis=2)
    assert same.mean() > 0.8, "only what changed, and the legend, has other colours"


def test_the_same_image_twice_has_no_polygon(change: Change, tmp_path: Path) -> None:
    scene = _noisy(_scene(), 1)
    for method in ("mad", "irmad", "cva", "ndvi", "nbr"):
        record, _ = change(scene, scene, method=method)
        assert record.classes == ()
    assert len(pyogrio.read_dataframe(tmp_path / "map.gpkg", layer="change")) == 0


@pytest.mark.parametrize("method", ["mad", "irmad", "cva", "ndvi"])
def test_noise_alone_is_hardly_change(method: str, change: Change, tmp_path: Path) -> None:
    ground = _scene()
    change(_noisy(ground, 1), _noisy(ground, 2), method=method, min_area=0)
    with rasterio.open(tmp_path / "map.tif") as file:
        assert (file.read(1) > 0).mean() < 0.01


@pytest.mark.parametrize("method", ["mad", "irmad"])
def test_radiometry_of_one_date_does_not_matter_to_mad(method: str, change: Change, tmp_path: Path) -> None:
    ground = _scene()
    after, _ = _cleared(ground)
    before, after = _noisy(ground, 1), _noisy(after, 2)
    maps = []
    for gain, offset in ((1.0, 0.0), (0.7, 0.05)):
        # Classes are those of reflectance, so that what is change within a class does depend on it.
        change(before, after * gain + offset, method=method, spectral="land", within_class=True)
        with rasterio.open(tmp_path / "map.tif") as file:
            maps.append(file.read(1) > 0)
    # Stored as whole numbers, so that a pixel at the threshold may fall on either side.
    assert (maps[0] != maps[1]).mean() < 0.002


def test_normalisation_takes_haze_out_of_cva(change: Change, tmp_path: Path) -> None:
    ground = _scene()
    after, where = _cleared(ground)
    hazy = 0.8 * _noisy(after, 2) + 0.06
    shares = {}
    for normalise in ("irmad", "histogram", "none"):
        change(_noisy(ground, 1), hazy, method="cva", normalise=normalise, threshold=0.08, within_class=True)
        with rasterio.open(tmp_path / "map.tif") as file:
            shares[normalise] = ((file.read(1) > 0) & ~where).mean()
    assert shares["irmad"] < 0.02
    assert shares["none"] > 10 * max(shares["irmad"], 0.001)
    assert shares["histogram"] < shares["none"]


def test_a_clear_shift_is_said_and_undone_by_itself(change: Change) -> None:
    wide = _scene(side=SIDE + 20)
    before, after = wide[:, 10:-10, 10:-10], wide[:, 7:-13, 12:-8]
    for undo in (None, True):
        record, told = change(before, after, coregister=undo)
        assert any("+3.00 px down and -2.00 px right" in note for note in told.notes)
        assert any("shift undone" in note for note in told.notes)
        assert record.classes == ()
        assert not any("--coregister" in warning for warning in told.warnings)
    record, told = change(before, after, coregister=False)
    assert not any("shift undone" in note for note in told.notes)
    assert any("--coregister" in warning for warning in told.warnings)


def test_another_grid_and_crs_are_brought_together(change: Change, tmp_path: Path) -> None:
    """The later date at 20 m in degrees, covering only part of the earlier one."""
    ground = _scene()
    after, where = _cleared(ground)
    before = _write(tmp_path / "b.tif", _noisy(ground, 1))
    fine = _write(tmp_path / "fine.tif", _noisy(after, 2))
    with rasterio.open(fine) as file:
        to_degrees = Transformer.from_crs(32633, 4326, always_xy=True)
        west, north = to_degrees.transform(file.bounds.left, file.bounds.top)
        east, south = to_degrees.transform(file.bounds.right, file.bounds.bottom)
        transform = Affine(0.0002, 0, west, 0, -0.00015, north)
        width, height = round((east - west) / 0.0002), round((north - south) / 0.00015)
        moved = np.zeros((6, height, width), np.uint16)
        for band in range(6):
            reproject(
                rasterio.band(file, band + 1), moved[band], src_crs=file.crs, dst_crs="EPSG:4326",
                src_transform=file.transform, dst_transform=transform, resampling=Resampling.bilinear,
            )  # fmt: skip
    other = tmp_path / "other.tif"
    moved = moved[:, :, : int(0.9 * width)]
    with rasterio.open(
        other, "w", driver="GTiff", width=moved.shape[2], height=height, count=6, dtype="uint16",
        crs="EPSG:4326", transform=transform, nodata=0,
    ) as file:  # fmt: skip
        file.write(moved)
        file.descriptions = BANDS
    record, _ = change(before, str(other))
    assert 0.8 < record.valid_share < 0.95
    with rasterio.open(tmp_path / "map.tif") as file:
        found, seen = file.read(1), file.read_masks(1) > 0
        assert file.crs.to_epsg() == 32633
    right = ((found > 0) & seen & where).sum()
    assert right / (where & seen).sum() > 0.7
    assert right / ((found > 0) & seen).sum() > 0.7


@pytest.mark.parametrize("method", ["mad", "cva", "irmad"])
def test_tiles_and_threads_do_not_matter(method: str, change: Change, tmp_path: Path) -> None:
    ground = _scene()
    after, _ = _cleared(ground)
    maps = []
    for options in ({"tile": 512}, {"tile": 64, "overlap": 16}, {"tile": 96, "threads": 1}):
        change(_noisy(ground, 1), _noisy(after, 2), method=method, **options)
        with rasterio.open(tmp_path / "map.tif") as file:
            maps.append(file.read(1))
    np.testing.assert_array_equal(maps[0], maps[1])
    np.testing.assert_array_equal(maps[0], maps[2])


def test_the_matrix_sums_to_the_scene(change: Change, tmp_path: Path) -> None:
    ground = _scene()
    after, _ = _cleared(ground)
    record, _ = change(_noisy(ground, 1), _noisy(after, 2), matrix=tmp_path / "matrix.csv")
    lines = (tmp_path / "matrix.csv").read_text().splitlines()
    assert lines[0].startswith("from \\ to (ha)")
    total = float(lines[-1].split(",")[-1])
    assert total == pytest.approx(SIDE * SIDE * 0.01, rel=2e-3)
    assert tmp_path / "matrix.csv" in record.outputs
    assert sum(float(row["area_ha"]) for row in record.tables["transitions"]) == pytest.approx(
        total, rel=1e-6
    )


def test_layers_of_both_dates_are_compared(change: Change, tmp_path: Path) -> None:
    ground = _scene()
    heights = np.random.default_rng(5).normal(10, 0.2, (SIDE // 2, SIDE // 2)).astype(np.float32)
    later = heights.copy()
    later[20:40, 60:80] -= 8
    for name, values in (("h1", heights), ("h2", later)):
        with rasterio.open(
            tmp_path / f"{name}.tif", "w", driver="GTiff", width=SIDE // 2, height=SIDE // 2, count=1,
            dtype="float32", crs="EPSG:32633", transform=Affine(20, 0, 500_000, 0, -20, 4_600_000),
        ) as file:  # fmt: skip
            file.write(values, 1)
    layers = {"height": str(tmp_path / "h1.tif"), "after:height": str(tmp_path / "h2.tif")}
    _, told = change(_noisy(ground, 1), _noisy(ground, 2), layer=layers)
    assert any("layers compared like bands: height" in note for note in told.notes)
    with rasterio.open(tmp_path / "map.tif") as file:
        found = file.read(1) > 0
    assert found[45:75, 125:155].mean() > 0.8
    assert found.mean() < 0.08


def test_a_layer_of_one_date_is_warned_of(change: Change, tmp_path: Path) -> None:
    scene = _noisy(_scene(), 1)
    _, told = change(
        scene,
        _noisy(_scene(), 2),
        layer={"height": _write(tmp_path / "h.tif", scene[:1], names=("height",))},
    )
    assert any("--layer height" in warning for warning in told.warnings)


def _radar(seed: int, looks: int = 5) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return np.asarray(-9 + 10 * np.log10(rng.gamma(looks, 1 / looks, (1, SIDE, SIDE))), np.float32)


def _write_db(path: Path, db: NDArray[np.float32]) -> str:
    with rasterio.open(
        path, "w", driver="GTiff", width=SIDE, height=SIDE, count=1, dtype="float32", crs="EPSG:32633",
        transform=Affine(10, 0, 500_000, 0, -10, 4_600_000),
    ) as file:  # fmt: skip
        file.write(db)
        file.descriptions = ("vv",)
    return str(path)


@pytest.mark.parametrize("method", ["logratio", "mean-ratio"])
def test_backscatter_that_fell_and_rose(method: str, change: Change, tmp_path: Path) -> None:
    after = _radar(2)
    after[0, 30:70, 30:70] -= 9
    after[0, 120:160, 120:160] += 9
    before = _write_db(tmp_path / "b.tif", _radar(1))
    change(before, _write_db(tmp_path / "a.tif", after), method=method, sensor="sentinel-1")
    table = pyogrio.read_dataframe(tmp_path / "map.gpkg", layer="change")
    sizes = table.groupby("label")["pixels"].max()
    assert sizes["backscatter fell"] == pytest.approx(1600, rel=0.3)
    # Means over 7 x 7 pixels carry what rose three pixels outwards.
    most = 46 * 46 if method == "mean-ratio" else 1.3 * 1600
    assert 0.7 * 1600 < sizes["backscatter rose"] <= most


def test_an_unchanged_radar_pair_is_nearly_empty(change: Change, tmp_path: Path) -> None:
    before, after = (_write_db(tmp_path / f"{seed}.tif", _radar(seed)) for seed in (1, 2))
    change(before, after, sensor="sentinel-1")
    with rasterio.open(tmp_path / "map.tif") as file:
        assert (file.read(1) > 0).mean() < 0.01


def test_what_cannot_be_compared_is_refused(change: Change, tmp_path: Path) -> None:
    scene = _noisy(_scene(), 1)
    far = _write(tmp_path / "far.tif", scene, transform=Affine(10, 0, 600_000, 0, -10, 4_600_000))
    with pytest.raises(SceneError, match="cover no common ground"):
        change(scene, far)
    radar = _write_db(tmp_path / "radar.tif", _radar(1))
    with pytest.raises(SceneError, match="two dates of one kind"):
        change(scene, radar, sensor=None)
    with pytest.raises(BandError, match="no band is in both"):
        change(
            _write(tmp_path / "b.tif", scene[:1], names=("blue",)),
            _write(tmp_path / "s.tif", scene[4:5], names=("swir16",)),
        )
    with pytest.raises(UsageError, match="there are auto, classes, mad"):
        change(scene, scene, method="magic")
    with pytest.raises(SceneError, match="is for sar scenes"):
        change(scene, scene, method="logratio")
    with pytest.raises(UsageError, match="chi2 can be used with"):
        change(scene, scene, method="cva", thresholding="chi2")
    with pytest.raises(BandError, match="nbr needs nir, swir22"):
        change(*(_write(tmp_path / f"rgbn{i}.tif", scene[:4], names=BANDS[:4]) for i in (1, 2)), method="nbr")
    assert not (tmp_path / "map.gpkg").exists()


def test_the_record_names_dates_and_threshold(change: Change, tmp_path: Path) -> None:
    record, _ = change(_noisy(_scene(), 1), _noisy(_cleared(_scene())[0], 2))
    assert record.task == "change"
    assert len(record.inputs) == 2
    assert record.runtime["method"] == "mad"
    with sqlite3.connect(tmp_path / "map.gpkg") as file:
        (kept,) = file.execute("SELECT metadata FROM gpkg_metadata").fetchone()
    assert json.loads(kept)["tables"]["gain_loss"]


def _classes_of(record: RunRecord) -> dict[str, float]:
    """Hectares of each class on the first date."""
    return {str(row["label"]): float(row["before_ha"]) for row in record.tables["gain_loss"]}


def test_classes_of_top_of_atmosphere_reflectance_are_those_of_the_surface(change: Change) -> None:
    """The same ground through a hazy atmosphere has the classes that it has below it."""
    ground, _ = _cleared(_scene())
    # Streets in low sun: with path reflectance, their green is far above their short-wave infrared.
    ground[:, 160:210, 10:60] = np.array((0.04, 0.04, 0.045, 0.055, 0.06, 0.055))[:, None, None]
    pair = _noisy(ground, 1), _noisy(ground, 2)
    expected = _classes_of(change(*pair, smooth=5)[0])
    wavelengths = np.array((0.4924, 0.5598, 0.6646, 0.8328, 1.6137, 2.2024))
    air = 0.09 * (wavelengths[0] / wavelengths) ** 4
    above = [np.asarray(date + air[:, None, None], np.float32) for date in pair]
    record, told = change(*above, sensor="sentinel-2-l1c-harmonised", smooth=5)
    found = _classes_of(record)
    for label, area in expected.items():
        assert found.get(label, 0.0) == pytest.approx(area, rel=0.03, abs=2), label
    subtracted = "dark-object subtraction for the spectral classes (Chavez 1988): blue 0."
    assert sum(subtracted in note for note in told.notes) == 2
    # What is said to be the ground's own light is left as it is.
    as_ground = _classes_of(change(*above, smooth=5)[0])
    assert as_ground["water"] > expected["water"] + 20


def test_a_city_in_winter_is_no_water(data_dir: Path, tmp_path: Path) -> None:
    """Low sun and haze: without regard to the air, six tenths of this city are water by their spectrum."""
    folder = data_dir / "change-s2" / "paris"
    if not folder.is_dir():
        pytest.skip("the Sentinel-2 pairs are not there")
    scenes = [SceneSpec(paths=(str(folder / date),)) for date in ("before", "after")]
    run = RunSpec(output=tmp_path / "map.gpkg")
    record = map_change(ChangeSpec(before=scenes[0], after=scenes[1], run=run), progress)
    assert isinstance(record, RunRecord)
    classes = _classes_of(record)
    assert classes["water"] < 0.02 * sum(classes.values())
