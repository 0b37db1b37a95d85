"""Methane plumes as a whole: what must be found, what must not, what must not matter."""

from __future__ import annotations

import json
import resource
import sqlite3
from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from pyproj import Transformer

from geoseg.errors import BandError, OutputError, SceneError, UsageError
from geoseg.methods.methane_rate import MOL_PER_PPM_M, MOLAR_MASS
from geoseg.run_record import RunRecord
from geoseg.spec import PlumeSpec, RunSpec, SceneSpec
from geoseg.tasks.methane.plume_map import map_plumes
from tests.messages import Messages, listening, progress
from tests.plumes import EAST, NORTH, SIDE, darken, ground, plume, write
from tests.simulated import disc

AIR_MASS = 1 / np.cos(np.radians(30)) + 1
Run = Callable[..., tuple[RunRecord, Messages]]


def place(row: float, col: float) -> tuple[float, float]:
    """Longitude and latitude of a pixel position."""
    x, y = EAST + 20 * col, NORTH - 20 * row
    lon, lat = Transformer.from_crs(32640, 4326, always_xy=True).transform(x, y)
    return float(lon), float(lat)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A day with a plume, one without, and one that holds the plume's ground spot on both days."""
    root = tmp_path_factory.mktemp("plumes")
    clean, day = ground(seed=1), ground(seed=2)
    spot = plume(peak=9000, row=220, col=200, length=12)
    return {
        "reference": write(root / "reference", clean, "S2A_MSIL1C_20210626T065621"),
        "second": write(root / "second", ground(seed=3), "S2A_MSIL1C_20210616T065621"),
        "calm": write(root / "calm", ground(seed=4)),
        "plume": write(root / "plume", darken(day, plume(), AIR_MASS)),
        "spot": write(root / "spot", darken(day, spot, AIR_MASS)),
        "spotted": write(root / "spotted", darken(clean, spot, AIR_MASS), "S2A_MSIL1C_20210626T065621"),
        "saturated": write(root / "saturated", darken(day, plume(peak=60_000), AIR_MASS)),
    }


@pytest.fixture
def run(tmp_path: Path, scenes: dict[str, str]) -> Run:
    """Map plumes of a scene by its name."""

    def work(scene: str, *references: str, **options: object) -> tuple[RunRecord, Messages]:
        own = {name: options.pop(name) for name in list(options) if name in RunSpec.model_fields}
        request = PlumeSpec.model_validate(
            {
                "scene": {"paths": (scenes[scene],)},
                "reference": [{"paths": (scenes[name],)} for name in references],
                "run": {"output": tmp_path / "map.gpkg", "overwrite": True, **own},
                "sun_zenith": 30,
                "view_zenith": 0,
                **options,
            }
        )
        with listening() as told:
            record = map_plumes(request, progress)
        assert isinstance(record, RunRecord)
        return record, told

    return work


def polygons(folder: Path) -> geopandas.GeoDataFrame:
    return geopandas.read_file(folder / "map.gpkg", layer="plume")


def test_a_plume_is_found_where_it_is_and_weighed(run: Run, tmp_path: Path) -> None:
    record, told = run("plume", "reference", wind=3.0, wind_from=270.0, columns=tmp_path / "ch4.tif")
    found = polygons(tmp_path)
    best = found.sort_values("ime_kg").iloc[-1]
    assert best["class"] == 1
    # What else there is are torn-off parts of the same plume, downwind.
    drift = shapely.box(EAST + 2000, NORTH - 3200, EAST + 5000, NORTH - 2800)
    assert found[found["class"] == 1].intersects(drift).all()
    assert best.geometry.contains(shapely.Point(EAST + 20 * 104, NORTH - 20 * 150))
    true_mass = plume().sum() * MOL_PER_PPM_M * MOLAR_MASS * 400
    # Half of this plume is thinner than the noise.
    over = plume()[(plume() > 2500)].sum() * MOL_PER_PPM_M * MOLAR_MASS * 400
    assert best.ime_kg == pytest.approx(over, rel=0.25)
    assert best.ime_kg < true_mass
    assert best.effective_wind_m_s == pytest.approx(0.33 * 3 + 0.45)
    assert best.rate_kg_h == pytest.approx(best.effective_wind_m_s * best.ime_kg / best.length_m * 3600)
    assert best.rate_low < best.rate_kg_h < best.rate_high
    assert best.rate_flux_kg_h == pytest.approx(best.rate_kg_h, rel=0.7)
    assert best.screens_passed == "surface,water,cloud,dates,cover,built-up"
    assert best.false_alarms < 0.1
    lon, lat = place(150, 101)
    assert best.source_lon == pytest.approx(lon, abs=0.001)
    assert best.source_lat == pytest.approx(lat, abs=0.001)
    assert any("noise of the methane column" in note for note in told.notes)
    assert record.tables["retrieval"][0]["satellite"] == "sentinel-2a"
    with rasterio.open(tmp_path / "ch4.tif") as file:
        columns = file.read(1)
        assert file.units == ("ppm·m",)
        assert json.loads(file.tags()["GEOSEG_RECORD"])["task"] == "methane plume"
    inside = plume() > 4000
    assert columns[inside].mean() == pytest.approx(plume()[inside].mean(), rel=0.05)
    assert abs(columns[:100].mean()) < 100
    with sqlite3.connect(tmp_path / "map.gpkg") as file:
        assert file.execute("SELECT noise_ppm_m FROM retrieval").fetchone()[0] > 0


def test_a_day_without_plume_shows_none(run: Run, tmp_path: Path) -> None:
    run("calm", "reference", wind=3.0)
    assert not (polygons(tmp_path)["class"] == 1).any()


def test_two_references_are_averaged(run: Run) -> None:
    one, _ = run("plume", "reference", wind=3.0)
    two, _ = run("plume", "reference", "second", wind=3.0)
    noise = [record.tables["retrieval"][0]["noise_ppm_m"] for record in (one, two)]
    assert float(noise[1]) < 0.95 * float(noise[0])
    assert len(two.inputs) == 3


@pytest.mark.parametrize("method", ["sbmp", "mbsp", "mbmp"])
def test_every_method_finds_it(run: Run, tmp_path: Path, method: str) -> None:
    record, _ = run("plume", "reference", wind=3.0, method=method)
    assert record.method.startswith(method.upper())
    found = polygons(tmp_path)
    assert found.contains(shapely.Point(EAST + 20 * 104, NORTH - 20 * 150)).any()


def test_ground_that_looks_like_gas_on_both_days_is_no_plume(run: Run, tmp_path: Path) -> None:
    run("spot", "spotted", wind=3.0)
    assert not (polygons(tmp_path)["class"] == 1).any()
    run("spot", "spotted", wind=3.0, method="mbsp")
    alone = polygons(tmp_path)
    assert len(alone)
    assert (alone["class"] == 2).all()
    assert alone["screens_failed"].str.contains("surface").all()


def test_one_day_alone_takes_no_park_for_gas(run: Run, tmp_path: Path, scenes: dict[str, str]) -> None:
    """Vegetation is darker at 2.2 than at 1.6 µm, as gas makes the ground; it is green, too."""
    park = disc(SIDE, 150, 150, 9)
    bands = ground(seed=5)
    bands["B12"] = np.where(park, bands["B12"] * 0.97, bands["B12"])
    scenes["dry"] = write(tmp_path / "dry", bands)
    scenes["park"] = write(tmp_path / "park", {**bands, "B04": np.where(park, 0.08, bands["B04"])})
    # Without a second date, a plume is one at a given source only.
    run("dry", wind=3.0, source=place(150, 150))
    assert (polygons(tmp_path)["class"] == 1).any()
    run("park", wind=3.0, source=place(150, 150))
    found = polygons(tmp_path)
    assert (found["class"] == 2).all()
    assert found["screens_failed"].str.contains("surface").any()


def test_the_map_does_not_depend_on_how_the_scene_is_cut(run: Run, tmp_path: Path) -> None:
    maps = []
    for options in ({}, {"tile": 64}, {"tile": 100, "overlap": 10}, {"batch_size": 3, "threads": 1}):
        run("plume", "reference", wind=3.0, raster=tmp_path / "map.tif", **options)
        with rasterio.open(tmp_path / "map.tif") as file:
            classes = file.read(1)
        maps.append((polygons(tmp_path), classes))
    first, classes = maps[0]
    for other, more in maps[1:]:
        np.testing.assert_array_equal(classes, more)
        assert first.to_wkb().equals(other.to_wkb())
    assert set(np.unique(classes)) <= {0, 1, 2, 255}
    assert (classes == 1).sum() == first[first["class"] == 1]["pixels"].sum()


def test_a_known_source_keeps_what_touches_it(run: Run, tmp_path: Path) -> None:
    run("plume", "reference", wind=3.0)
    chance = polygons(tmp_path)["false_alarms"].min()
    run("plume", "reference", wind=3.0, source=place(150, 100))
    found = polygons(tmp_path)
    assert found["class"].tolist() == [1]
    assert found["false_alarms"].iloc[0] < chance / 5
    run("plume", "reference", wind=3.0, source=place(40, 40))
    assert not len(polygons(tmp_path))


def test_beyond_the_table_columns_stay_at_its_end(run: Run, tmp_path: Path) -> None:
    run("saturated", "reference", wind=3.0, columns=tmp_path / "ch4.tif")
    best = polygons(tmp_path).sort_values("ime_kg").iloc[-1]
    assert best.saturated > 0
    assert best.rate_low < best.rate_kg_h
    assert np.isnan(best.rate_high)  # there may be any amount
    end = 16_000 * 2 / AIR_MASS
    assert best.max_ppm_m == pytest.approx(end, rel=1e-4)
    with rasterio.open(tmp_path / "ch4.tif") as file:
        assert np.nanmax(file.read(1)) <= end * 1.0001


def test_a_threshold_beyond_the_table_gives_no_masses_rates_and_limits(
    run: Run, tmp_path: Path, scenes: dict[str, str]
) -> None:
    scenes["huge"] = write(tmp_path / "huge", darken(ground(seed=2), plume(peak=900_000), AIR_MASS))
    _, told = run("huge", "reference", wind=3.0, threshold=15_000.0)
    assert "threshold-beyond-table" in told.codes
    assert not [note for note in told.notes if "detection limit" in note]
    found = polygons(tmp_path)
    assert len(found)
    names = ["ime_kg", "max_ppm_m", "mean_ppm_m", "rate_kg_h", "rate_low", "rate_high", "rate_flux_kg_h"]
    assert found[names].isna().all(axis=None)
    assert set(found["class"]) == {2}


def test_a_plume_that_leaves_the_scene_says_so(run: Run, tmp_path: Path, scenes: dict[str, str]) -> None:
    run("plume", "reference", wind=3.0)
    whole = polygons(tmp_path).sort_values("ime_kg").iloc[-1]
    assert whole.cut == 0
    day = darken(ground(seed=2), plume(), AIR_MASS)
    scenes["left"] = write(tmp_path / "left", {name: pixels[:, :112] for name, pixels in day.items()})
    run("left", "reference", wind=3.0)
    part = polygons(tmp_path).sort_values("ime_kg").iloc[-1]
    assert part.cut > 0
    assert part.ime_kg < whole.ime_kg


def test_without_wind_there_is_mass_and_no_rate(run: Run, tmp_path: Path) -> None:
    _, told = run("plume", "reference")
    best = polygons(tmp_path).sort_values("ime_kg").iloc[-1]
    assert best.ime_kg > 0
    assert np.isnan(best.rate_kg_h)
    assert any("--wind" in text for text in told.warnings)


def test_plumes_are_attributed_to_the_nearest_facility(run: Run, tmp_path: Path) -> None:
    near, far = place(150, 98), place(20, 280)
    frame = geopandas.GeoDataFrame(
        {"label": ["landfill", "mine"]}, geometry=[shapely.Point(far), shapely.Point(near)], crs=4326
    )
    frame.to_file(tmp_path / "facilities.gpkg", layer="facilities")
    run("plume", "reference", wind=3.0, facilities=tmp_path / "facilities.gpkg")
    best = polygons(tmp_path)
    best = best[best["class"] == 1].iloc[0]
    assert best.facility == "mine"
    assert best.facility_m < 200


def test_thresholds_can_be_fixed(run: Run, tmp_path: Path) -> None:
    low, _ = run("plume", "reference", wind=3.0, threshold=2000.0)
    area = polygons(tmp_path)["area_m2"].max()
    run("plume", "reference", wind=3.0, threshold=6000.0)
    assert 0 < polygons(tmp_path)["area_m2"].max() < area
    share, _ = run("plume", "reference", wind=3.0, percentile=99.5)
    assert float(share.tables["retrieval"][0]["threshold_ppm_m"]) > 0
    assert float(low.tables["retrieval"][0]["threshold_ppm_m"]) == pytest.approx(2000, rel=0.01)


def test_what_is_refused(run: Run, scenes: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--reference"):
        run("plume", method="mbmp")
    with pytest.raises(UsageError, match="imaging spectrometer"):
        run("plume", method="mag1c")
    elsewhere = write(tmp_path / "elsewhere", {name: v[:50, :50] for name, v in ground().items()})
    for path in Path(elsewhere).glob("*.tif"):
        with rasterio.open(path, "r+") as file:
            file.transform = rasterio.Affine(20, 0, EAST + 90_000, 0, -20, NORTH)
    scenes["elsewhere"] = elsewhere
    with pytest.raises(SceneError, match="same place"):
        run("plume", "elsewhere")
    two = {name: values for name, values in ground().items() if name in {"B03", "B8A"}}
    scenes["no-swir"] = write(tmp_path / "no-swir", two)
    with pytest.raises(BandError, match="swir22"):
        run("no-swir")
    with pytest.raises(SceneError, match="L1C"):
        map_plumes(
            PlumeSpec(
                scene=SceneSpec(paths=(scenes["plume"],), sensor="sentinel-2-l2a-harmonised"),
                run=RunSpec(output=tmp_path / "map.gpkg", overwrite=True),
            ),
            progress,
        )
    nothing = {name: np.zeros((SIDE, SIDE)) for name in ("B11", "B12")}
    scenes["nothing"] = write(tmp_path / "nothing", nothing)
    for path in Path(scenes["nothing"]).glob("*.tif"):
        with rasterio.open(path, "r+") as file:
            file.write(np.zeros((1, SIDE, SIDE), np.uint16))
    with pytest.raises(SceneError, match="nodata"):
        run("nothing")


def test_a_full_disk_is_told_as_such(run: Run, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        with pytest.raises(OutputError, match="scratch files cannot be written there") as caught:
            run("calm", "reference")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.exit_code == 6
    assert not list(tmp_path.iterdir())
