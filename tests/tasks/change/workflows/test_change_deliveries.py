"""Change between whole deliveries, as providers name and store them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio

from geoseg.run_record import RunRecord
from geoseg.spec import ChangeSpec, RunSpec, SceneSpec
from geoseg.tasks.change.change_map import map_change
from tests.messages import progress
from tests.products.ground import BARE, CRS, SIDE, VEGETATION, Ground, lake
from tests.products.hls import write_hls
from tests.products.landsat import write_landsat

CLEARED = np.s_[20:44, 16:46]


def landsat(folder: Path, ground: Ground, name: str) -> Path:
    """Write a Landsat delivery in the zone of the other sensors."""
    return write_landsat(folder, ground, name=name, crs=CRS).folder


WRITERS: dict[str, Callable[[Path, Ground], Path]] = {
    "landsat-8-l2": partial(landsat, name="LC08_L2SP_044034_20230614_20230622_02_T1"),
    "landsat-7-l2": partial(landsat, name="LE07_L2SP_044034_20010703_20200917_02_T1"),
    "landsat-5-l1": partial(landsat, name="LT05_L1TP_044034_19910819_20200915_02_T1"),
    "hls-l30": lambda folder, ground: write_hls(folder, ground, product="L30").folder,
    "hls-s30": lambda folder, ground: write_hls(folder, ground, product="S30").folder,
}


@pytest.mark.parametrize(("first", "second"), list(itertools.product(WRITERS, WRITERS)))
def test_a_clearing_between_two_deliveries(first: str, second: str, tmp_path: Path) -> None:
    before = lake()
    before[CLEARED] = VEGETATION
    after = before.copy()
    after[CLEARED] = BARE
    scenes = [
        SceneSpec(paths=(str(WRITERS[name](tmp_path / str(seed), Ground(kinds=kinds, seed=seed))),))
        for seed, (name, kinds) in enumerate(((first, before), (second, after)))
    ]
    run = RunSpec(output=tmp_path / "map.gpkg", raster=tmp_path / "map.tif")
    record = map_change(ChangeSpec(before=scenes[0], after=scenes[1], run=run, method="cva"), progress)
    assert isinstance(record, RunRecord)
    with rasterio.open(tmp_path / "map.tif") as file:
        found, seen = file.read(1), file.read_masks(1) > 0
    changed = np.zeros((SIDE, SIDE), bool)
    changed[CLEARED] = True
    assert ((found > 0) & changed & seen).sum() >= 0.8 * (changed & seen).sum()
    assert ((found > 0) & ~changed & seen).mean() < 0.02
    table = pyogrio.read_dataframe(tmp_path / "map.gpkg", layer="change")
    largest = table.sort_values("pixels").iloc[-1]
    assert largest["label"] == "dense vegetation → bare or built (vegetation loss)"
