"""The offset of Sentinel-2's baseline 04.00: what says it, and what the values say of that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from geoseg.errors import SceneError
from tests.products.ground import BARE, CLOUD, VEGETATION, WATER, Ground, write_raster
from tests.products.sentinel2 import (
    LABELS,
    SIX,
    Sentinel2,
    band_files,
    cdse,
    earth_search,
    planetary_computer,
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

LAYOUTS: Mapping[str, Callable[[Path, Sentinel2], Path]] = {
    "safe": safe,
    "stack": lambda folder, product: stack(folder / f"{product.name}.tif", product),
    "earth-search-v0": lambda folder, product: earth_search(folder, product, version="v0"),
    "earth-search-v1": earth_search,
    "earth-search-c1": lambda folder, product: earth_search(folder, product, version="c1"),
    "planetary-computer": planetary_computer,
    "cdse": cdse,
}
BASELINES = (("02.14", OLD, False), ("05.00", OLD, True), ("04.00", NEW, True), ("05.09", NEW, True))


@pytest.mark.parametrize(
    ("layout", "baseline", "date", "held"),
    [
        (layout, *baseline)
        for layout in LAYOUTS
        for baseline in BASELINES
        # Collection 1 holds nothing older.
        if layout != "earth-search-c1" or baseline[0] >= "05"
    ],
)
@pytest.mark.parametrize("kind", [None, BARE])
def test_the_baseline_says(
    tmp_path: Path, layout: str, baseline: str, date: str, held: bool, kind: int | None
) -> None:
    """A reprocessed scene of 2018 has it too, and bare ground is nothing to tell by."""
    ground = Ground() if kind is None else of(kind)
    product = Sentinel2(baseline=baseline, date=date, held=held, ground=ground)
    with scene(LAYOUTS[layout](tmp_path, product)) as opened:
        assert found(opened) == (held, "note")
        assert opened.sensor is not None
        assert opened.sensor.name == SURFACE
        is_ground(opened, product)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("held", [False, True])
def test_values_that_contradict_the_baseline_win_and_that_is_told(
    tmp_path: Path, layout: str, held: bool
) -> None:
    product = Sentinel2(baseline="02.14" if held else "05.09", date=OLD if held else NEW, held=held)
    with scene(LAYOUTS[layout](tmp_path, product)) as opened:
        assert found(opened) == (held, "warning")
        other = "harmonised" if held else "offset"
        assert f"`--sensor {SURFACE}-{other}`" in said(opened, "warnings")[0]
        is_ground(opened, product)


@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize(
    ("applied", "held", "level"),
    [(True, False, "note"), (True, True, "warning"), (False, True, "note"), (False, False, "warning")],
)
def test_the_provider_says_whether_it_took_the_offset_off(
    tmp_path: Path, version: str, applied: bool, held: bool, level: str
) -> None:
    """Earth Search errs in both directions."""
    product = Sentinel2(held=held)
    with scene(earth_search(tmp_path, product, version=version, applied=applied)) as opened:
        assert found(opened) == (held, level)
        is_ground(opened, product)


@pytest.mark.parametrize("level", ["1C", "2A"])
@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("date", [OLD, NEW])
def test_dates_are_checked_by_the_values(tmp_path: Path, level: str, held: bool, date: str) -> None:
    product = Sentinel2(level=level, held=held, date=date)
    with scene(band_files(tmp_path, product)) as opened:
        assert found(opened) == (held, "note" if held == (date == NEW) else "warning")


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("held", [False, True])
def test_every_dtype_alike(tmp_path: Path, dtype: Any, held: bool) -> None:
    product = Sentinel2(held=held, dtype=dtype)
    path = stack(tmp_path / f"{product.name}.tif", product)
    if np.dtype(dtype).kind == "f":
        with rasterio.open(path, "r+") as file:
            data = file.read()
            data[:, :20, :20] = np.nan
            file.write(data)
    with scene(path) as opened:
        assert found(opened) == (held, "note" if held else "warning")
        is_ground(opened, product)


@pytest.mark.parametrize("bands", [SIX, SIX[:4], (*SIX, "cirrus"), ("green", "nir", "swir16"), tuple(LABELS)])
@pytest.mark.parametrize("held", [False, True])
def test_few_bands_are_enough(tmp_path: Path, bands: tuple[str, ...], held: bool) -> None:
    product = Sentinel2(held=held, bands=bands, level="1C")
    with scene(stack(tmp_path / "stack.tif", product), sensor="sentinel-2-l1c") as opened:
        assert found(opened) == (held, "note")


@pytest.mark.parametrize("kind", [WATER, VEGETATION])
@pytest.mark.parametrize("side", [12, 40, 180])
@pytest.mark.parametrize("held", [False, True])
def test_small_crops_of_dark_ground_tell(tmp_path: Path, kind: int, side: int, held: bool) -> None:
    path = band_files(tmp_path, Sentinel2(held=held, ground=of(kind, side)), prefix="x")
    with scene(path, sensor=SURFACE) as opened:
        assert found(opened) == (held, "note")


@pytest.mark.parametrize("kind", [BARE, CLOUD])
@pytest.mark.parametrize("date", [OLD, NEW, None])
def test_where_nothing_is_dark_the_date_decides_and_people_are_warned(
    tmp_path: Path, kind: int, date: str | None
) -> None:
    product = Sentinel2(held=date == NEW, ground=of(kind), date=date or NEW)
    path = band_files(tmp_path, product, prefix=None if date else "x")
    with scene(path, sensor=SURFACE) as opened:
        assert found(opened) == (date == NEW, "warning")
        assert "no ground is dark enough" in said(opened, "warnings")[0]


def test_a_mosaic_of_both_is_refused(tmp_path: Path) -> None:
    left = np.arange(180)[None, None] < 90
    with_it, without = (
        np.stack([Sentinel2(held=held).counts(band) for band in SIX]) for held in (True, False)
    )
    path = write_raster(
        tmp_path / f"T33UXP_{NEW}.tif",
        np.where(left, with_it, without),
        descriptions=[LABELS[band] for band in SIX],
    )
    with pytest.raises(SceneError, match="products of one baseline"), scene(path):
        pass


@pytest.mark.parametrize("layout", ["safe", "files"])
def test_tiles_of_different_baselines_are_decided_each_by_itself(tmp_path: Path, layout: str) -> None:
    """One of them was reprocessed; names of files do not say so."""
    old = Sentinel2(baseline="02.14", held=False, date=OLD)
    new = replace(old, baseline="05.00", held=True, tile="T33UYP", east=1800.0)
    write = safe if layout == "safe" else band_files
    for product in (old, new):
        write(tmp_path / "tiles", product)
    with scene(tmp_path / "tiles") as opened:
        assert opened.grid.width == 360
        values = opened.read(opened.grid.window, ["red", "nir"]).physical()
        for number, band in enumerate(("red", "nir")):
            truth = float(np.median(Ground().reflectance(band)))
            for part in (values[number][:, :180], values[number][:, 180:]):
                assert float(np.median(part)) == pytest.approx(truth, abs=0.002)
        told = [*said(opened, "notes"), *said(opened, "warnings")]
        assert len(told) == 2
        assert all("6 bands of T33U" in text for text in told)
