"""What a plume needs where no known source asked for it: two dates that lie on each other, and land cover."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pytest
from numpy.typing import NDArray
from pyproj import Transformer

from geoseg.spec import PlumeSpec
from geoseg.tasks.methane.plume_map import map_plumes
from geoseg.tasks.methane.retrieval import ALBEDO, GREENNESS, WATER
from geoseg.tasks.methane.unasked_screens import built_up_share
from tests.messages import listening, progress
from tests.plumes import EAST, NORTH, SIDE, darken, ground, plume, write

AIR_MASS = 1 / np.cos(np.radians(30)) + 1
Bands = dict[str, NDArray[np.float64]]
LATER, EARLIER = "S2A_MSIL1C_20210706T065621", "S2A_MSIL1C_20210626T065621"


def roofs(seed: int) -> Bands:
    """Ground with roofs of 40 m: bright and dark ones side by side, of one colour on both dates."""
    rng = np.random.default_rng(7)
    pattern = np.exp(rng.normal(0, 0.2, (SIDE // 2, SIDE // 2))).repeat(2, 0).repeat(2, 1)
    return {name: 0.6 * values * pattern for name, values in ground(seed).items()}


def greener(bands: Bands, where: NDArray[np.bool_]) -> Bands:
    """Ground with leaves in some place: less red, and less at 2.2 µm."""
    factor = {"B04": 0.6, "B12": 0.8}
    return {name: np.where(where, values * factor.get(name, 1), values) for name, values in bands.items()}


def moved(bands: Bands, rows: int) -> Bands:
    return {name: np.roll(values, rows, axis=0) for name, values in bands.items()}


Run = Callable[..., geopandas.GeoDataFrame]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Map the plumes of a day against another; the strongest first."""

    def work(day: Bands, reference: Bands | None, **options: object) -> geopandas.GeoDataFrame:
        references = [] if reference is None else [{"paths": (write(tmp_path / "b", reference, EARLIER),)}]
        request = {
            "scene": {"paths": (write(tmp_path / "a", day, LATER),)},
            "reference": references,
            "run": {"output": tmp_path / "map.gpkg", "overwrite": True},
            **{"sun_zenith": 30, "view_zenith": 0, "wind": 3.0, **options},
        }
        with listening():
            map_plumes(PlumeSpec.model_validate(request), progress)
        table = geopandas.read_file(tmp_path / "map.gpkg", layer="plume")
        return table.sort_values("pixels", ascending=False)

    return work


@pytest.mark.parametrize("town", [False, True], ids=["desert", "city"])
def test_a_strong_plume_is_found_in_a_desert_and_in_a_city(town: bool, run: Run) -> None:
    make = roofs if town else ground
    best = run(darken(make(2), plume(), AIR_MASS), make(1)).iloc[0]
    assert best["class"] == 1
    assert best.screens_failed == ("built-up" if town else "")
    assert best.screens_passed.startswith("surface,water,cloud,dates,")


def test_without_a_second_date_there_are_suspects_only(run: Run) -> None:
    day = darken(ground(2), plume(), AIR_MASS)
    best = run(day, None).iloc[0]
    assert best["class"] == 2
    assert "dates" in best.screens_failed.split(",")
    to_degrees = Transformer.from_crs(32640, 4326, always_xy=True)
    place = to_degrees.transform(EAST + 20 * 104, NORTH - 20 * 150)
    asked = run(day, None, source=place).iloc[0]
    assert "dates" not in asked.screens_failed.split(",")


def test_a_shift_that_is_left_makes_suspects(run: Run) -> None:
    day, reference = darken(roofs(2), plume(20_000), AIR_MASS), moved(roofs(1), 1)
    left = run(day, reference, coregister=False)
    assert not (left["class"] == 1).any()
    assert left["screens_failed"].str.contains("shift").all()
    undone = run(day, reference)
    assert (undone["class"] == 1).any()


def test_leaves_on_one_date_are_no_plume(run: Run) -> None:
    rows, cols = np.mgrid[0:SIDE, 0:SIDE]
    park = (abs(rows - 150) < 9) & (abs(cols - 120) < 20)
    table = run(greener(ground(2), park), ground(1))
    assert len(table)
    assert (table["class"] == 2).all()
    assert "cover" in table.iloc[0].screens_failed.split(",")


@pytest.mark.parametrize(
    ("rough", "ndvi", "water", "share"),
    [
        (0.2, 0.1, 0, 1.0),
        (0.02, 0.1, 0, 0.0),
        (0.2, 0.6, 0, 0.0),
        (0.2, 0.1, 1, 0.0),
        (0.2, np.nan, 0, np.nan),
    ],
    ids=["roofs", "dunes", "trees", "water", "unknown"],
)
def test_built_up_is_rough_and_bare(rough: float, ndvi: float, water: float, share: float) -> None:
    rng = np.random.default_rng(1)
    bright = (0.3 * (1 + rough * rng.normal(size=(60, 60)))).astype(np.float32)
    flat = np.ones((60, 60), np.float32)
    region = np.zeros((60, 60), np.bool_)
    region[20:30, 20:40] = True
    bands = {ALBEDO: bright, GREENNESS: flat * np.float32(ndvi), WATER: flat * np.float32(water)}
    assert built_up_share(bands, region) == pytest.approx(share, abs=0.02, nan_ok=True)
