"""Two dates that are stored unlike: with and without Sentinel-2's offset, backscatter in dB and in power."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio

from tests.products.ground import BARE, VEGETATION, WATER, Ground, checks, disc
from tests.products.sentinel1 import Sentinel1, Stored, hyp3, stack
from tests.products.sentinel2 import Sentinel2, band_files, earth_search, safe

Run = Callable[..., tuple[str, str]]

OLD, NEW = "20180704T100031", "20230704T100031"
FLOODED, CLEARED = (slice(120, 170), slice(5, 55)), (slice(10, 60), slice(120, 170))
"""2,500 pixels each."""


def grounds() -> tuple[Ground, Ground]:
    """A lake among fields and woods, and the same with a clearing and a flood."""
    kinds = np.where(checks(), BARE, VEGETATION).astype(np.uint8)
    kinds[disc(radius=30)] = WATER
    kinds[CLEARED] = kinds[FLOODED] = VEGETATION
    after = kinds.copy()
    after[CLEARED] = BARE
    after[FLOODED] = WATER
    return Ground(kinds=kinds), Ground(kinds=after, seed=1)


def write(folder: Path, layout: str, baseline: str, *, held: bool) -> tuple[Path, Path]:
    """Write two dates, the second of baseline 05.09 with the offset."""
    before, after = grounds()
    first = Sentinel2(ground=before, date=OLD, baseline=baseline, held=held)
    second = Sentinel2(ground=after, date=NEW)
    if layout == "safe":
        return safe(folder, first), safe(folder, second)
    if layout == "items":
        return earth_search(folder / "a", first), earth_search(folder / "b", second)
    return band_files(folder / "a", first), band_files(folder / "b", second)


@pytest.mark.parametrize("layout", ["files", "safe", "items"])
def test_change_between_baselines_is_that_within_one(geoseg: Run, tmp_path: Path, layout: str) -> None:
    found = {}
    for baseline, held in (("02.14", False), ("05.00", True)):
        folder = tmp_path / baseline
        pair = write(folder, layout, baseline, held=held)
        options = ("--matrix", folder / "m.csv", "--raster", folder / "c.tif", "--clouds", "none", "--json")
        out, err = geoseg("change", *pair, "-o", folder / "c.gpkg", *options)
        # Files of bands say no baseline: that the first date was reprocessed is what its values tell.
        assert ("but the values contradict it" in err) == (layout == "files" and held)
        with rasterio.open(folder / "c.tif") as file:
            changed = file.read(1)
        assert np.mean(changed[CLEARED] > 0) > 0.8
        found[baseline] = ((folder / "m.csv").read_text(), json.loads(out)["classes"])
    assert found["02.14"] == found["05.00"]


@pytest.mark.parametrize("held", [False, True])
def test_flood_between_baselines(geoseg: Run, tmp_path: Path, held: bool) -> None:
    before, after = write(tmp_path, "files", "02.14", held=held)
    raster = tmp_path / "f.tif"
    geoseg(
        "flood", after, "--before", before, "-o", tmp_path / "f.gpkg", "--method", "mndwi", "--raster", raster
    )
    with rasterio.open(raster) as file:
        classes = file.read(1)
    old = grounds()[0].water
    assert np.mean(classes[FLOODED] == 1) > 0.98
    assert np.mean(classes[old] == 2) > 0.98
    assert np.mean(classes[~old & (grounds()[1].kinds != WATER)] == 0) > 0.98


@pytest.mark.parametrize("stored", ["db", "amplitude"])
def test_backscatter_of_two_units(geoseg: Run, tmp_path: Path, stored: Stored) -> None:
    before, after = grounds()
    first = stack(tmp_path / "S1A_IW_GRDH_1SDV_20230401T111213_TC.tif", Sentinel1(ground=before), pixel=30)
    second = hyp3(tmp_path, Sentinel1(ground=after, stored=stored))
    raster = tmp_path / "f.tif"
    options = ("--method", "logratio", "--raster", raster)
    _, err = geoseg("flood", second, "--before", first, "-o", tmp_path / "f.gpkg", *options)
    assert "S1A_IW_GRDH_1SDV_20230401T111213_TC: SAR units: linear power" in " ".join(err.split())
    with rasterio.open(raster) as file:
        classes = file.read(1)
    assert np.mean(classes[FLOODED] == 1) > 0.95
    assert np.mean(classes[CLEARED] == 1) < 0.01


def test_info_says_units_and_offset_with_their_reasons(geoseg: Run, tmp_path: Path) -> None:
    _, err = geoseg("info", hyp3(tmp_path, Sentinel1(stored="amplitude")))
    assert "amplitude, converted to dB as 20 log10 (HyP3 RTC in amplitude, by its name)" in " ".join(
        err.split()
    )
    _, err = geoseg("info", safe(tmp_path, Sentinel2()))
    assert "offset -1000 applied to 6 bands (baseline 05.09 in the product's XML" in " ".join(err.split())
    out, _ = geoseg("info", safe(tmp_path / "old", Sentinel2(baseline="02.14", held=False)), "--json")
    band = json.loads(out)["bands"][0]
    assert (band["scale"], band["offset"]) == (0.0001, 0.0)
    assert "baseline 02.14" in band["scaled_by"]


def test_contradictions_are_exit_3_and_name_both_sensors(geoseg: Run, tmp_path: Path) -> None:
    ground = Ground(kinds=np.full((60, 60), BARE, np.uint8))
    for bands, baseline in ((("red",), "02.14"), (("nir",), "05.09")):
        product = Sentinel2(ground=ground, bands=bands, baseline=baseline)
        band_files(tmp_path / "mixed", product, prefix=product.name)
    _, err = geoseg("flood", tmp_path / "mixed", "-o", tmp_path / "f.gpkg", code=3)
    assert "`--sensor sentinel-2-l2a-offset`" in " ".join(err.split())
    assert "`--sensor sentinel-2-l2a-harmonised`" in " ".join(err.split())
