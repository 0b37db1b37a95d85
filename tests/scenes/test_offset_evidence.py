"""What names, items and tags say of the offset of Sentinel-2."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geoseg.errors import SceneError
from tests.products.ground import BARE, Ground, write_raster
from tests.products.sentinel2 import (
    LABELS,
    SIX,
    Sentinel2,
    band_files,
    earth_search,
    safe,
    stack,
)
from tests.scenes.sentinel2_scenes import (
    NEW,
    OLD,
    SURFACE,
    found,
    is_ground,
    of,
    said,
    scene,
)


@pytest.mark.parametrize(("suffix", "held"), [("offset", True), ("harmonised", False)])
@pytest.mark.parametrize("truth", [False, True])
def test_people_win_and_are_warned(tmp_path: Path, suffix: str, held: bool, truth: bool) -> None:
    for path in (
        safe(tmp_path, Sentinel2(held=truth)),
        band_files(tmp_path / "files", Sentinel2(held=truth)),
        earth_search(tmp_path / "item", Sentinel2(held=truth)),
    ):
        with scene(path, sensor=f"{SURFACE}-{suffix}") as opened:
            assert found(opened) == (held, "note" if held is truth else "warning")


def test_dates_of_files_beat_those_of_folders(tmp_path: Path) -> None:
    for date, folder in ((OLD, "20230101_export"), (NEW, "20180101_export")):
        path = band_files(tmp_path / folder, Sentinel2(held=date == NEW, ground=of(BARE), date=date))
        with scene(path) as opened:
            assert opened.time is not None
            assert opened.time.year == int(date[:4])
            assert found(opened)[0] is (date == NEW)


def test_a_folder_of_another_date_says_nothing_of_the_baseline(tmp_path: Path) -> None:
    product = Sentinel2(date=OLD, held=False)
    with scene(band_files(tmp_path / Sentinel2(date=NEW).name, product)) as opened:
        assert found(opened) == (False, "note")
    with scene(band_files(tmp_path / "harmonised" / "a" / "b" / "c", Sentinel2(ground=of(BARE)))) as opened:
        assert found(opened)[0]


def test_a_granule_says_its_baseline_outside_of_its_product(tmp_path: Path) -> None:
    product = Sentinel2(baseline="05.00", date=OLD, ground=of(BARE))
    root = safe(tmp_path, product)
    granule = next((root / "GRANULE").iterdir())
    for number, given in enumerate((granule, granule / "IMG_DATA" / "R10m")):
        with scene(given) as opened:
            assert found(opened) == (True, "note"), number
    moved = shutil.copytree(granule, tmp_path / "moved" / granule.name)
    with scene(moved) as opened:
        assert found(opened) == (True, "note")
        assert "MTD_TL.xml" in said(opened, "notes")[0]


@pytest.mark.parametrize(
    "name",
    [
        "S2_SR_HARMONIZED_20230704T100031_20230704T100028_T33UXP.tif",
        "S2B_MSIL2A_20230704T100031_N0509_R122_T33UXP_harmonised.tif",
        "SENTINEL2B_20230704-100532-123_L2A_T33UXP_C_V3-1_FRE_STACK.tif",
        "20230704_LEVEL2_SEN2B_BOA.tif",
    ],
)
def test_names_of_providers_say(tmp_path: Path, name: str) -> None:
    path = stack(tmp_path / name, Sentinel2(held=False, ground=of(BARE), dtype=np.int16))
    with scene(path, sensor=SURFACE) as opened:
        assert found(opened) == (False, "note")


def test_a_baseline_of_users_own_processing_tells_nothing(tmp_path: Path) -> None:
    product = Sentinel2(baseline="99.99", date=OLD, ground=of(BARE), held=False)
    with scene(stack(tmp_path / f"{product.name}.tif", product)) as opened:
        assert found(opened) == (False, "warning")


def changed(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    item = json.loads(path.read_text())
    for name in ("s2:processing_baseline", "s2:product_uri"):
        item["properties"].pop(name)
    change(item)
    path.write_text(json.dumps(item))
    return path


def test_offsets_of_some_bands_of_an_item_are_those_of_all(tmp_path: Path) -> None:
    def some(item: dict[str, Any]) -> None:
        for key in ("nir", "swir16"):
            del item["assets"][key]["raster:bands"]

    product = Sentinel2(ground=of(BARE))
    with scene(changed(earth_search(tmp_path, product, applied=None), some)) as opened:
        assert found(opened) == (True, "note")
        is_ground(opened, product)


def test_a_scale_of_1_in_an_item_says_nothing(tmp_path: Path) -> None:
    def plain(item: dict[str, Any]) -> None:
        for asset in item["assets"].values():
            asset["raster:bands"] = [{"scale": 1.0, "offset": 0.0}]

    product = Sentinel2()
    with scene(changed(earth_search(tmp_path, product, applied=None), plain)) as opened:
        assert found(opened)[0]
        is_ground(opened, product)


@pytest.mark.parametrize("held", [False, True])
def test_tags_of_the_file_are_checked_too(tmp_path: Path, held: bool) -> None:
    for offset in (0.0, -0.1):
        product = Sentinel2(held=held, date=NEW if held else OLD)
        path = tmp_path / f"T33UXP_{product.date}_{abs(offset)}.tif"
        stack(path, product, scales=[1e-4] * 6, offsets=[offset] * 6, nodata=0)
        with scene(path, sensor=SURFACE) as opened:
            assert found(opened) == (held, "note" if held == (offset != 0) else "warning")
            is_ground(opened, product)


def write_mixed(folder: Path, ground: Ground) -> Path:
    """Bands of two baselines, by their names; all counts hold the offset."""
    for baseline, bands in (("05.09", SIX[:3]), ("02.14", SIX[3:])):
        product = Sentinel2(baseline=baseline, bands=bands, ground=ground)
        for band in bands:
            write_raster(folder / f"{product.name}_{LABELS[band]}.tif", product.counts(band), nodata=0)
    return folder


def test_names_that_contradict_each_other_are_asked_about(tmp_path: Path) -> None:
    with scene(write_mixed(tmp_path / "a", Ground())) as opened:
        assert found(opened) == (True, "warning")
    path = write_mixed(tmp_path / "b", of(BARE))
    with pytest.raises(SceneError, match="evidence for the offset is contradictory") as caught, scene(path):
        pass
    assert caught.value.exit_code == 3
    assert f"{SURFACE}-offset" in str(caught.value)
    assert f"{SURFACE}-harmonised" in str(caught.value)
    with scene(path, sensor=f"{SURFACE}-offset") as opened:
        assert found(opened) == (True, "note")
