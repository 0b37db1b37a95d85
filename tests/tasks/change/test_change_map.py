"""Change between two dates, as a whole: what must be found, what must not, and what must not matter."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
from numpy.typing import NDArray
from PIL import Image

from geoseg.errors import SceneError
from geoseg.run_record import RunRecord
from geoseg.spec import ChangeSpec, RunSpec, SceneSpec
from geoseg.tasks.change.change_map import map_change
from tests.messages import progress
from tests.tasks.change.two_dates import (
    SIDE,
    Change,
    _cleared,
    noisy,
    simulated_radar,
    simulated_scene,
    write,
    write_db,
)


@pytest.mark.parametrize("method", ["auto", "mad", "irmad", "cva"])
def test_what_changed_is_found(method: str, change: Change, tmp_path: Path) -> None:
    ground = simulated_scene()
    after, where = _cleared(ground)
    change(noisy(ground, 1), noisy(after, 2), method=method)
    with rasterio.open(tmp_path / "map.tif") as file:
        found = file.read(1) > 0
    right = (found & where).sum()
    assert right / where.sum() > 0.8
    assert right / found.sum() > 0.7


def test_polygons_say_from_what_to_what(change: Change, tmp_path: Path) -> None:
    ground = simulated_scene()
    after, _ = _cleared(ground)
    record, _ = change(
        noisy(ground, 1),
        noisy(after, 2),
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
    ground = simulated_scene()
    after, _ = _cleared(ground)
    change(noisy(ground, 1), noisy(after, 2), rules="land-cover")
    with sqlite3.connect(tmp_path / "map.gpkg") as file:
        (style,) = file.execute("SELECT styleQML FROM layer_styles WHERE f_table_name = 'change'").fetchone()
    assert 'attr="type"' in style
    assert "water gain" in style


def test_ground_that_did_not_change_is_drawn_as_it_is(change: Change, tmp_path: Path) -> None:
    ground = simulated_scene()
    after, _ = _cleared(ground)
    pictures: list[NDArray[np.int64]] = []
    for rules in ({}, {"rules": "land-cover"}):
        path = tmp_path / f"{len(pictures)}.png"
        change(noisy(ground, 1), noisy(after, 2), picture=path, **rules)
        pictures.append(np.asarray(Image.open(path).convert("RGB")).astype(int))
    height = min(len(item) for item in pictures)
    width = min(item.shape[1] for item in pictures)
    same = (pictures[0][:height, :width] == pictures[1][:height, :width]).all(axis=2)
    assert same.mean() > 0.8, "only what changed, and the legend, has other colours"


def test_the_same_image_twice_has_no_polygon(change: Change, tmp_path: Path) -> None:
    scene = noisy(simulated_scene(), 1)
    for method in ("mad", "irmad", "cva", "ndvi", "nbr"):
        record, _ = change(scene, scene, method=method)
        assert record.classes == ()
    assert len(pyogrio.read_dataframe(tmp_path / "map.gpkg", layer="change")) == 0


@pytest.mark.parametrize("method", ["mad", "irmad", "cva", "ndvi"])
def test_noise_alone_is_hardly_change(method: str, change: Change, tmp_path: Path) -> None:
    ground = simulated_scene()
    change(noisy(ground, 1), noisy(ground, 2), method=method, min_area=0)
    with rasterio.open(tmp_path / "map.tif") as file:
        assert (file.read(1) > 0).mean() < 0.01


@pytest.mark.parametrize("method", ["mad", "irmad"])
def test_radiometry_of_one_date_does_not_matter_to_mad(method: str, change: Change, tmp_path: Path) -> None:
    ground = simulated_scene()
    after, _ = _cleared(ground)
    before, after = noisy(ground, 1), noisy(after, 2)
    maps = []
    for gain, offset in ((1.0, 0.0), (0.7, 0.05)):
        # Classes are those of reflectance, so that what is change within a class does depend on it.
        change(before, after * gain + offset, method=method, spectral="land", within_class=True)
        with rasterio.open(tmp_path / "map.tif") as file:
            maps.append(file.read(1) > 0)
    # Stored as whole numbers, so that a pixel at the threshold may fall on either side.
    assert (maps[0] != maps[1]).mean() < 0.002


def test_normalisation_takes_haze_out_of_cva(change: Change, tmp_path: Path) -> None:
    ground = simulated_scene()
    after, where = _cleared(ground)
    hazy = 0.8 * noisy(after, 2) + 0.06
    shares = {}
    for normalise in ("irmad", "histogram", "none"):
        change(noisy(ground, 1), hazy, method="cva", normalise=normalise, threshold=0.08, within_class=True)
        with rasterio.open(tmp_path / "map.tif") as file:
            shares[normalise] = ((file.read(1) > 0) & ~where).mean()
    assert shares["irmad"] < 0.02
    assert shares["none"] > 10 * max(shares["irmad"], 0.001)
    assert shares["histogram"] < shares["none"]


@pytest.mark.parametrize("method", ["mad", "cva", "irmad"])
def test_tiles_and_threads_do_not_matter(method: str, change: Change, tmp_path: Path) -> None:
    ground = simulated_scene()
    after, _ = _cleared(ground)
    maps = []
    for options in ({"tile": 512}, {"tile": 64, "overlap": 16}, {"tile": 96, "threads": 1}):
        change(noisy(ground, 1), noisy(after, 2), method=method, **options)
        with rasterio.open(tmp_path / "map.tif") as file:
            maps.append(file.read(1))
    np.testing.assert_array_equal(maps[0], maps[1])
    np.testing.assert_array_equal(maps[0], maps[2])


def test_the_matrix_sums_to_the_scene(change: Change, tmp_path: Path) -> None:
    ground = simulated_scene()
    after, _ = _cleared(ground)
    record, _ = change(noisy(ground, 1), noisy(after, 2), matrix=tmp_path / "matrix.csv")
    lines = (tmp_path / "matrix.csv").read_text().splitlines()
    assert lines[0].startswith("from \\ to (ha)")
    total = float(lines[-1].split(",")[-1])
    assert total == pytest.approx(SIDE * SIDE * 0.01, rel=2e-3)
    assert tmp_path / "matrix.csv" in record.outputs
    assert sum(float(row["area_ha"]) for row in record.tables["transitions"]) == pytest.approx(
        total, rel=1e-6
    )


@pytest.mark.parametrize("method", ["logratio", "mean-ratio"])
def test_backscatter_that_fell_and_rose(method: str, change: Change, tmp_path: Path) -> None:
    after = simulated_radar(2)
    after[0, 30:70, 30:70] -= 9
    after[0, 120:160, 120:160] += 9
    before = write_db(tmp_path / "b.tif", simulated_radar(1))
    change(before, write_db(tmp_path / "a.tif", after), method=method, sensor="sentinel-1")
    table = pyogrio.read_dataframe(tmp_path / "map.gpkg", layer="change")
    sizes = table.groupby("label")["pixels"].max()
    assert sizes["backscatter fell"] == pytest.approx(1600, rel=0.3)
    # Means over 7 x 7 pixels carry what rose three pixels outwards.
    most = 46 * 46 if method == "mean-ratio" else 1.3 * 1600
    assert 0.7 * 1600 < sizes["backscatter rose"] <= most


def test_an_unchanged_radar_pair_is_nearly_empty(change: Change, tmp_path: Path) -> None:
    before, after = (write_db(tmp_path / f"{seed}.tif", simulated_radar(seed)) for seed in (1, 2))
    change(before, after, sensor="sentinel-1")
    with rasterio.open(tmp_path / "map.tif") as file:
        assert (file.read(1) > 0).mean() < 0.01


def test_the_record_names_dates_and_threshold(change: Change, tmp_path: Path) -> None:
    record, _ = change(noisy(simulated_scene(), 1), noisy(_cleared(simulated_scene())[0], 2))
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
    ground, _ = _cleared(simulated_scene())
    # Streets in low sun: with path reflectance, their green is far above their short-wave infrared.
    ground[:, 160:210, 10:60] = np.array((0.04, 0.04, 0.045, 0.055, 0.06, 0.055))[:, None, None]
    pair = noisy(ground, 1), noisy(ground, 2)
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


@pytest.mark.parametrize(
    ("method", "odd", "refused"),
    [("cva", "green", True), ("ndvi", "red", True), ("ndvi", "green", False), ("auto", "green", False)],
)
def test_bands_that_are_compared_need_one_unit(tmp_path: Path, method: str, odd: str, refused: bool) -> None:
    ground = simulated_scene()
    after, where = _cleared(ground)
    paths = [
        write(tmp_path / f"{name}.tif", noisy(cube, seed))
        for seed, (name, cube) in enumerate({"before": ground, "after": after}.items())
    ]
    for path in paths:
        with rasterio.open(path, "r+") as file:
            file.scales = tuple(1.0 if name == odd else 1e-4 for name in file.descriptions)
    spec = ChangeSpec(
        before=SceneSpec(paths=(paths[0],)),
        after=SceneSpec(paths=(paths[1],)),
        method=method,
        run=RunSpec(output=tmp_path / "map.gpkg", raster=tmp_path / "map.tif"),
    )
    if refused:
        with pytest.raises(SceneError, match=f"different units .*{odd} dn"):
            map_change(spec)
        return
    map_change(spec)
    with rasterio.open(tmp_path / "map.tif") as file:
        assert ((file.read(1) > 0) & where).sum() / where.sum() > 0.6
