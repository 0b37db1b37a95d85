"""Networks in `geoseg change`: two maps compared, and networks of two dates. Each is one formula."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio

from geoseg.errors import BandError, UsageError
from geoseg.run_record import RunRecord
from geoseg.spec import ChangeSpec, ClassSpec, RunSpec, SceneSpec
from geoseg.tasks.change.change_map import map_change
from geoseg.tasks.change.change_network import BothDates
from geoseg.tasks.change.transitions import Transitions
from tests.messages import progress
from tests.tasks.flood.network_bundles import CLASSES, SIDE, bundle, raster

Change = Callable[..., RunRecord]


@pytest.fixture
def change(tmp_path: Path) -> Change:
    """Map two files by a network."""

    def run(model: Path, before: Path, after: Path, **options: object) -> RunRecord:
        run = {
            "output": tmp_path / "map.gpkg",
            "raster": tmp_path / "map.tif",
            "overwrite": True,
            "min_area": 0,
        }
        scenes = {
            name: SceneSpec(paths=(str(path),)) for name, path in (("before", before), ("after", after))
        }
        spec = ChangeSpec.model_validate(
            {**scenes, "run": RunSpec.model_validate(run), "model": str(model), **options}
        )
        record = map_change(spec, progress)
        assert isinstance(record, RunRecord)
        return record

    return run


def _dates(folder: Path) -> tuple[Path, Path]:
    """Green and SWIR of two dates: water in the west, then in the north."""
    wet, dry = (0.06, 0.02), (0.05, 0.25)
    paths = []
    for name, part in (("b", np.s_[:, :40]), ("a", np.s_[:30, :])):
        water = np.zeros((SIDE, SIDE), bool)
        water[part] = True
        planes = {
            band: np.where(water, first, second)
            for band, first, second in zip(("green", "swir16"), wet, dry, strict=True)
        }
        paths.append(raster(folder / f"{name}.tif", planes))
    return paths[0], paths[1]


def _water_moved() -> np.ndarray:
    """The codes of what changed between `_dates`."""
    expected = np.zeros((SIDE, SIDE), np.uint8)
    expected[30:, :40] = 2  # water to background
    expected[:30, 40:] = 1  # background to water
    return expected


def test_two_maps_are_compared(change: Change, tmp_path: Path) -> None:
    model = bundle(tmp_path / "models" / "water", ("green", "swir16"))
    record = change(model, *_dates(tmp_path), matrix=tmp_path / "matrix.csv")
    with rasterio.open(tmp_path / "map.tif") as file:
        found = file.read(1)
    np.testing.assert_array_equal(found, _water_moved())
    table = pyogrio.read_dataframe(tmp_path / "map.gpkg", layer="change")
    assert set(table["label"]) == {"water → background", "background → water"}
    pixels = {(row["from_label"], row["to_label"]): row["pixels"] for row in record.tables["transitions"]}
    assert pixels["water", "water"] == 30 * 40
    assert pixels["background", "water"] == 30 * (SIDE - 40)
    assert sum(int(value) for value in pixels.values()) == SIDE * SIDE
    gain = {str(row["label"]): float(row["net_ha"]) for row in record.tables["gain_loss"]}
    assert gain["water"] == pytest.approx((30 * (SIDE - 40) - (SIDE - 30) * 40) * 0.01, rel=2e-3)
    assert (tmp_path / "matrix.csv").read_text().splitlines()[1].startswith("background,")


@pytest.mark.parametrize("named", [("nir08", "nir"), ("nir", "nir08"), ("nir08", "nir08")])
def test_a_network_takes_near_infrared_by_either_name(
    named: tuple[str, str], change: Change, tmp_path: Path
) -> None:
    paths: list[Path] = []
    for path, name in zip(_dates(tmp_path), named, strict=True):
        with rasterio.open(path) as file:
            green, second = file.read()
        paths.append(raster(tmp_path / f"near{len(paths)}.tif", {"green": green, name: second}))
    change(bundle(tmp_path / "models" / "water", ("green", "nir")), *paths)
    with rasterio.open(tmp_path / "map.tif") as file:
        np.testing.assert_array_equal(file.read(1), _water_moved())


def test_a_table_for_other_classes_is_refused(change: Change, tmp_path: Path) -> None:
    model = bundle(tmp_path / "models" / "water", ("green", "swir16"))
    with pytest.raises(UsageError, match="alpine-habitat does not contain the classes 0 background"):
        change(model, *_dates(tmp_path), rules="alpine-habitat")
    with pytest.raises(UsageError, match="land-cover is for other classes"):
        change(model, *_dates(tmp_path), rules="land-cover")


def test_each_date_is_scored_once() -> None:
    calls = []

    class Session:
        planes, batch, description = 1, 4, "sure"

        def __call__(self, batch: np.ndarray) -> np.ndarray:
            calls.append(batch.copy())
            return batch[:, :1]

        def close(self) -> None:
            """Nothing is held."""

    given = np.random.default_rng(0).random((2, 6, 8, 8), np.float32)
    scores = BothDates(Session(), 3, 2)(given)
    assert len(calls) == 2
    np.testing.assert_array_equal(calls[0], given[:, :3])
    np.testing.assert_array_equal(calls[1], given[:, 3:])
    np.testing.assert_allclose(scores[:, 0] + scores[:, 1], 1)
    np.testing.assert_array_equal(scores[:, 3], given[:, 3])


def test_tiles_do_not_matter(change: Change, tmp_path: Path) -> None:
    model = bundle(tmp_path / "models" / "water", ("green", "swir16"), multiple=16, tile=64)
    dates = _dates(tmp_path)
    maps = []
    for overlap in (0, 16, 32):
        run = {
            "output": tmp_path / "map.gpkg",
            "raster": tmp_path / "map.tif",
            "overwrite": True,
            "overlap": overlap,
        }
        change(model, *dates, run=run)
        with rasterio.open(tmp_path / "map.tif") as file:
            maps.append(file.read(1))
    np.testing.assert_array_equal(maps[0], maps[1])
    np.testing.assert_array_equal(maps[0], maps[2])


def test_many_classes_need_two_bytes() -> None:
    classes = tuple(ClassSpec(value=i, label=f"c{i}", colour="#123456") for i in range(24))
    transitions = Transitions(classes=classes)
    assert transitions.dtype is np.uint16
    assert len(transitions.specs) == 24 * 24
    _, first, second = transitions.split(np.array([7 * 24 + 3]))
    assert (first[0], second[0]) == (7, 3)


def test_a_network_of_two_dates(change: Change, tmp_path: Path) -> None:
    """Its score is 1 where the first date's green is above the second's."""
    model = bundle(tmp_path / "models" / "both", ("green", "after:green"), task="change")
    change(model, *_dates(tmp_path))
    with rasterio.open(tmp_path / "map.tif") as file:
        found = file.read(1)
    assert found[60, 20] == 1
    assert found[10, 60] == 0
    table = pyogrio.read_dataframe(tmp_path / "map.gpkg", layer="change")
    assert set(table["from_label"]) <= {None, ""}
    assert {"date_before", "date_after", "to_class"} <= set(table.columns)
    assert set(table["label"]) == {CLASSES[1].label}


def test_a_layer_serves_a_network_on_both_dates(change: Change, tmp_path: Path) -> None:
    """Water is where green is above the layer, which is the same on both dates."""
    model = bundle(tmp_path / "models" / "high", ("green", "height"), mean=0.0)
    heights = raster(tmp_path / "h.tif", {"height": np.full((SIDE, SIDE), 0.055)})
    change(model, *_dates(tmp_path), layer={"height": str(heights)})
    with rasterio.open(tmp_path / "map.tif") as file:
        np.testing.assert_array_equal(file.read(1), _water_moved())


def test_each_date_has_statistics_of_its_own(change: Change, tmp_path: Path) -> None:
    """So a gain and an offset of the second date change nothing."""
    model = bundle(tmp_path / "models" / "water", ("green", "swir16"), statistics="scene")
    dates = _dates(tmp_path)
    maps = []
    for gain, offset in ((1.0, 0.0), (1.7, 0.05)):
        with rasterio.open(dates[1], "r+") as file:
            file.write(file.read() * np.float32(gain) + np.float32(offset))
        change(model, *dates)
        with rasterio.open(tmp_path / "map.tif") as file:
            maps.append(file.read(1))
    assert set(np.unique(maps[0])) == {0, 1, 2}
    np.testing.assert_array_equal(maps[0], maps[1])


def test_what_does_not_go_together(change: Change, tmp_path: Path) -> None:
    dates = _dates(tmp_path)
    both = bundle(tmp_path / "models" / "both", ("green", "after:green"), task="change")
    with pytest.raises(UsageError, match="maps where there is change"):
        change(both, *dates, rules="land-cover")
    flood = bundle(tmp_path / "models" / "flood", ("green", "before:green"))
    with pytest.raises(UsageError, match="geoseg flood SCENE --before SCENE"):
        change(flood, *dates)
    series = bundle(tmp_path / "models" / "series", ("green", "t2:green", "t3:green"))
    with pytest.raises(
        UsageError, match=r"from 3 dates: use `geoseg (flood|segment) SCENE SCENE SCENE --model"
    ):
        change(series, *dates)
    missing = bundle(tmp_path / "models" / "nir", ("green", "nir"))
    with pytest.raises(BandError, match="nir is missing"):
        change(missing, *dates)
    with pytest.raises(UsageError, match="exclude each other"):
        change(both, *dates, method="mad")
