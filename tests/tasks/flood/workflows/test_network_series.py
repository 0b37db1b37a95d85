"""Networks of three dates: which scene is which date, and what their class means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyogrio
import pytest
import rasterio

from geoseg.errors import UsageError
from geoseg.spec import (
    FloodSpec,
    RunSpec,
    SceneSpec,
    SegmentSpec,
)
from geoseg.tasks.flood.flood_map import map_flood
from geoseg.tasks.segment.segmentation_map import map_segments
from tests.messages import Messages, progress
from tests.tasks.flood.network_bundles import CLASSES, SIDE, bundle, raster, run


def series(tmp_path: Path) -> tuple[Path, ...]:
    """Three dates, the latest first; backscatter falls in a part of the last."""
    rng = np.random.default_rng(3)
    dates = [rng.normal(-10, 0.1, (SIDE, SIDE)) + step for step in (0, 1, 2)]
    dates[2][30:50, 30:70] -= 9
    names = ("a_20240301T050000", "b_20240401T050000", "c_20240501T050000")
    made = [raster(tmp_path / f"{name}.tif", {"vv": date}) for name, date in zip(names, dates, strict=True)]
    return tuple(made[::-1])


SERIES: dict[str, Any] = {"task": "flood", "units": "db", "evidence": None}


@pytest.mark.parametrize("first", ["vv", "t1:vv"])
def test_a_network_of_three_dates_maps_them_in_the_order_of_time(
    tmp_path: Path, zoo: Path, first: str
) -> None:
    """As `geoseg segment` does; with a layer of permanent water, too."""
    model = str(bundle(zoo / "series", (first, "t2:vv", "t3:vv"), **SERIES))
    paths = series(tmp_path)
    record, mapped = run(tmp_path, paths, model=model)
    fallen = np.zeros((SIDE, SIDE), bool)
    fallen[30:50, 30:70] = True
    np.testing.assert_array_equal(mapped == 1, fallen)
    assert [item["name"] for item in record.inputs] == [path.stem for path in paths[::-1]]
    assert record.classes[0].label == "water"
    out = RunSpec(output=tmp_path / "s.gpkg", raster=tmp_path / "s.tif", min_area=0.0)
    map_segments(SegmentSpec(scene=SceneSpec(paths=tuple(map(str, paths))), run=out, model=model), progress)
    with rasterio.open(tmp_path / "s.tif") as file:
        np.testing.assert_array_equal(mapped == 1, file.read(1) == 1)
    known = raster(tmp_path / "known.tif", {"water": np.arange(SIDE * SIDE).reshape(SIDE, SIDE) < 40 * SIDE})
    _, split = run(tmp_path, paths, model=model, permanent_water=known)
    np.testing.assert_array_equal(split == 2, fallen & (np.arange(SIDE) < 40)[:, None])


@pytest.mark.parametrize(("label", "mapped"), [("water", "water"), ("flood", "flood"), ("Flood", "flood")])
def test_a_series_whose_class_is_flood_maps_flood(
    label: str, mapped: str, tmp_path: Path, zoo: Path, messages: Messages
) -> None:
    classes = (CLASSES[0], CLASSES[1].model_copy(update={"label": label}))
    model = str(bundle(zoo / "series", ("vv", "t2:vv", "t3:vv"), **SERIES, classes=classes))
    record, _ = run(tmp_path, series(tmp_path), model=model)
    assert [item.label for item in record.classes] == [mapped]
    assert ("flood-not-separated" in messages.codes) == (mapped == "water")


@pytest.mark.parametrize(
    ("names", "codes"),
    [
        (("c_20240501T050000", "a_20240301T050000", "b_20240401T050000"), []),
        (("x", "y", "z"), ["order-as-given"]),
        (("a_20240301T050000", "y", "b_20240401T050000"), ["order-as-given"]),
        (("c_20240501T050000", "y", "a_20240301T050000"), ["dates-out-of-order", "order-as-given"]),
    ],
)
@pytest.mark.parametrize("task", ["flood", "segment"])
def test_an_order_that_is_not_known_is_warned_of(
    task: str, names: tuple[str, ...], codes: list[str], tmp_path: Path, zoo: Path, messages: Messages
) -> None:
    model = str(bundle(zoo / "series", ("vv", "t2:vv", "t3:vv"), mean=-10, **SERIES))
    rng = np.random.default_rng(3)
    paths = [raster(tmp_path / f"{name}.tif", {"vv": rng.normal(-10, 0.1, (SIDE, SIDE))}) for name in names]
    scene, out = SceneSpec(paths=tuple(map(str, paths))), RunSpec(output=tmp_path / "map.gpkg")
    if task == "flood":
        map_flood(FloodSpec(scene=scene, run=out, model=model), progress)
    else:
        map_segments(SegmentSpec(scene=scene, run=out, model=model), progress)
    assert [code for code in messages.codes if code != "flood-not-separated"] == codes
    for text in messages.warnings[: len(codes)]:
        assert names[0] in text
        assert names[2] in text
    row = pyogrio.read_dataframe(tmp_path / "map.gpkg", layer="scene").iloc[0]
    first, last = (None if "_" not in name else name[2:10] for name in (names[0], names[2]))
    if not codes:
        first, last = "20240301", "20240501"
    found = [
        None if pd.isna(row[name]) else f"{row[name]:%Y%m%d}" for name in ("acquired_before", "acquired")
    ]
    assert found == [first, last]


@pytest.mark.parametrize(
    ("count", "before", "message"), [(2, False, "needs 3 scenes"), (1, True, "without `--before`")]
)
def test_a_series_takes_as_many_scenes_as_dates(
    tmp_path: Path, zoo: Path, count: int, before: bool, message: str
) -> None:
    model = str(bundle(zoo / "series", ("vv", "t2:vv", "t3:vv"), **SERIES))
    paths = series(tmp_path)
    earlier = (SceneSpec(paths=(str(paths[2]),)),) if before else ()
    with pytest.raises(UsageError, match=message):
        run(tmp_path, paths[:count], model=model, before=earlier)
