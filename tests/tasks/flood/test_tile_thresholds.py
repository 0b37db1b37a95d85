"""Thresholds of tiles of a radar scene."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from geoseg.errors import UsageError
from geoseg.grid import Grid, Window
from geoseg.pixels import Pixels
from geoseg.scenes.sensor_kind import SensorKind
from geoseg.scenes.source import SourceView
from geoseg.spec import FloodSpec, RunSpec, SceneSpec, Units
from geoseg.tasks.flood.choice import TILE_THRESHOLD
from geoseg.tasks.flood.choose import find_candidates
from geoseg.tasks.flood.flood_map import map_flood
from geoseg.tasks.flood.tile_thresholds import TileThresholds, find_tile_thresholds
from tests.messages import Messages
from tests.tasks.flood.water_scenes import agreement, choose, disc, request

UTM = Affine(10, 0, 500_000, 0, -10, 5_000_000)


def field(values: list[list[float]], height: int, width: int) -> TileThresholds:
    grid = Grid(crs=None, transform=Affine.identity(), height=height, width=width)
    return TileThresholds(grid=grid, values=np.array(values, np.float32))


def read(thresholds: TileThresholds, row: int, col: int, height: int, width: int) -> NDArray[np.float32]:
    window = Window(row=row, col=col, height=height, width=width)
    return np.asarray(thresholds.read(window, (TILE_THRESHOLD,)).physical()[0])


def test_linear_between_centres_and_constant_beyond() -> None:
    found = read(field([[-20, -18, -19]], 1, 30), 0, 0, 1, 30)[0]
    assert np.all(found[:5] == -20)
    assert np.all(found[25:] == -19)
    assert found[9:11] == pytest.approx([-19.1, -18.9])
    assert found[14:16] == pytest.approx([-18.1, -18.05])


def test_one_tile_is_one_threshold() -> None:
    assert np.all(read(field([[-20.5]], 7, 9), -3, -3, 13, 15) == -20.5)


@given(st.integers(-5, 40), st.integers(-5, 40), st.integers(1, 20), st.integers(1, 20))
def test_a_pixel_has_the_same_threshold_in_every_window(row: int, col: int, height: int, width: int) -> None:
    thresholds = field([[-20, -18, -23], [-17, -21, -19.5]], 37, 53)
    whole = read(thresholds, -5, -5, 70, 70)
    part = read(thresholds, row, col, height, width)
    assert np.array_equal(part, whole[row + 5 : row + 5 + height, col + 5 : col + 5 + width])


def test_another_grid_is_an_error() -> None:
    thresholds = field([[-20]], 4, 4)
    assert thresholds.onto(thresholds.grid) is thresholds
    with pytest.raises(ValueError, match="grid of their scene"):
        thresholds.onto(field([[-20]], 5, 4).grid)


SIDE = 512
LAKES = np.hstack([disc(0.2, SIDE)] * 3)


def swath(seed: int = 0) -> NDArray[np.float32]:
    """VV and VH of three lakes; all levels fall by 6 dB from left to right, so that no one threshold fits."""
    rng = np.random.default_rng(seed)
    fall = np.linspace(3, -3, LAKES.shape[1], dtype=np.float32)
    bands = []
    for land in (-11.5, -17.5):
        db = np.where(LAKES, land - 5, land) + fall
        bands.append(db + 10 * np.log10(rng.gamma(9, 1 / 9, LAKES.shape)))
    return np.stack(bands).astype(np.float32)


class Swath(SourceView):
    """VV and VH of a swath as a source."""

    def __init__(self, values: NDArray[np.float32]) -> None:
        self.values = values
        self.name, self.band_names = "swath", ("vv", "vh")
        self.grid = Grid(crs=None, transform=Affine.identity(), height=values.shape[1], width=values.shape[2])

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        inside = window.intersect(self.grid.window)
        data = np.full((len(bands), window.height, window.width), np.nan, np.float32)
        rows, cols = inside.slices(self.grid.window)
        order = [self.band_names.index(band) for band in bands]
        target = (slice(None), *inside.slices(window))
        data[target] = self.values[order][:, rows, cols]
        valid = np.asarray(np.isfinite(data).all(axis=0))
        ones = (1.0,) * len(bands)
        return Pixels(
            window=window, bands=tuple(bands), data=data, valid=valid, scale=ones, offset=(0.0,) * len(bands)
        )


def test_each_tile_has_its_own_threshold_and_an_empty_one_that_of_the_scene(messages: Messages) -> None:
    values = swath()
    values[:, :, 2 * SIDE + 20 :] = np.nan
    choice = choose(dict(zip(("vv", "vh"), values, strict=True)), request(method="sar-vh"))
    tiled, thresholds = find_tile_thresholds(choice, Swath(values))
    left, middle, right = thresholds.values[0]
    assert left - middle == pytest.approx(2, abs=0.7)
    assert right == np.float32(choice.threshold)
    assert tiled.tiles == (min(thresholds.values[0]), max(thresholds.values[0]))
    assert tiled.bands == (*choice.bands, TILE_THRESHOLD)
    assert any("thresholds of 3 tiles" in text for text in messages.notes)


def mapped(folder: Path, tile: int = 512, **options: object) -> NDArray[np.bool_]:
    folder.mkdir()
    path = folder / "S1A_IW_20230507.tif"
    shape = {"height": SIDE, "width": LAKES.shape[1], "count": 2}
    with rasterio.open(path, "w", **shape, dtype="float32", crs="EPSG:32646", transform=UTM) as file:
        file.write(swath())
        file.descriptions = ("VV", "VH")
    run = RunSpec(output=folder / "map.gpkg", raster=folder / "map.tif", min_area=0, tile=tile)
    scene = SceneSpec(paths=(str(path),))
    map_flood(FloodSpec.model_validate({"scene": scene, "run": run, "method": "sar-vh", **options}))
    with rasterio.open(folder / "map.tif") as file:
        return np.asarray(file.read(1) == 1)


def test_levels_that_change_over_a_scene_are_followed(tmp_path: Path) -> None:
    one = agreement(mapped(tmp_path / "one"), LAKES)
    tiles = agreement(mapped(tmp_path / "tiles", thresholding="tiles"), LAKES)
    assert tiles > 0.97
    assert tiles > one + 0.1


def test_the_map_does_not_depend_on_the_tiles_of_the_engine(tmp_path: Path) -> None:
    found = mapped(tmp_path / "a", thresholding="tiles")
    assert np.array_equal(found, mapped(tmp_path / "b", thresholding="tiles", tile=256))


def test_a_given_threshold_is_used_everywhere(tmp_path: Path, messages: Messages) -> None:
    found = mapped(tmp_path / "a", thresholding="tiles", threshold=-19.0)
    assert any("as given; `--thresholding tiles` has no effect" in text for text in messages.notes)
    assert np.array_equal(found, mapped(tmp_path / "b", threshold=-19.0))


@pytest.mark.parametrize(
    ("method", "units", "before"),
    [("mndwi", "reflectance", 0), ("logratio", "db", 1), ("sar-vh", "dn", 0), ("auto", "reflectance", 0)],
)
def test_other_measures_are_refused(method: str, units: Units, before: int) -> None:
    kind: SensorKind = "optical" if units == "reflectance" else "sar"
    bands = ("green", "swir16") if kind == "optical" else ("vv", "vh")
    with pytest.raises(UsageError, match="`--thresholding tiles` is for backscatter in dB of one scene"):
        find_candidates(
            request(method=method, thresholding="tiles"), dict.fromkeys(bands, units), kind, before
        )
