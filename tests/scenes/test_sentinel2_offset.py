"""The offset of Sentinel-2's baseline 04.00: what says it, and what the values say of that."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.enums import Resampling

from geoseg.errors import SceneError
from geoseg.scenes import Scene, open_scene
from geoseg.scenes.offset_counts import classify_counts
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.messages import notes_of, warnings_of
from tests.products.ground import BARE, CLOUD, VEGETATION, WATER, Ground, write_raster
from tests.products.sentinel2 import (
    JP2,
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

OLD, NEW = "20180704T100031", "20230704T100031"
SURFACE = "sentinel-2-l2a"


def scene(*paths: Path, **request: Any) -> Scene:
    return open_scene(SceneSpec(paths=tuple(map(str, paths)), **request), sensors())


def said(opened: Scene, level: str) -> list[str]:
    texts = notes_of(opened) if level == "notes" else warnings_of(opened)
    return [text for text in texts if text.startswith("Sentinel-2: ")]


def found(opened: Scene) -> tuple[bool, str]:
    """Whether the offset is applied, to all bands alike, and how that is said: once, as note or warning."""
    notes, warnings = said(opened, "notes"), said(opened, "warnings")
    assert len(notes) + len(warnings) == 1
    offsets = {round(band.offset, 6) for band in opened.bands}
    assert offsets <= {0.0, -0.1}
    assert len(offsets) == 1
    return offsets == {-0.1}, "note" if notes else "warning"


def of(kind: int, side: int = 60) -> Ground:
    """Ground of one kind."""
    return Ground(kinds=np.full((side, side), kind, np.uint8))


def is_ground(opened: Scene, product: Sentinel2) -> None:
    """Reflectance is that of the ground."""
    for band in ("red", "nir"):
        values = opened.select([band]).read(opened.select([band]).grid.window, [band]).physical()[0]
        expected = float(np.median(product.ground.reflectance(band)))
        assert float(np.nanmedian(values)) == pytest.approx(expected, abs=0.002)


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
        assert f"--sensor {SURFACE}-{other}" in said(opened, "warnings")[0]
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


def reflectance(path: Path, add: float, ground: Ground | None = None, dtype: Any = np.float32) -> Path:
    """Write reflectance of 0..1, and some more."""
    data = np.stack([(ground or Ground()).reflectance(band) + add for band in SIX]).astype(dtype)
    data[:, :5, :5] = np.nan
    return write_raster(path, data, descriptions=[LABELS[band] for band in SIX], nodata=float("nan"))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("add", "held", "level"), [(0.0, False, "note"), (0.1, True, "warning")])
def test_scaled_reflectance_may_hold_it_too(
    tmp_path: Path, dtype: Any, add: float, held: bool, level: str
) -> None:
    with scene(reflectance(tmp_path / f"{Sentinel2().name}.tif", add, dtype=dtype)) as opened:
        assert found(opened) == (held, level)
        is_ground(opened, Sentinel2())


def test_scaled_reflectance_where_nothing_is_dark_is_warned_of(tmp_path: Path) -> None:
    with scene(reflectance(tmp_path / f"{Sentinel2().name}.tif", 0.0, of(BARE))) as opened:
        assert found(opened) == (False, "warning")
    with scene(tmp_path / f"{Sentinel2().name}.tif", sensor=f"{SURFACE}-offset") as opened:
        assert found(opened) == (True, "note")


def test_an_offset_taken_off_that_was_not_there_is_refused(tmp_path: Path) -> None:
    path = reflectance(tmp_path / f"T33UXP_{OLD}.tif", -0.1)
    with pytest.raises(SceneError, match=r"add 0\.1 to the reflectance") as caught, scene(path):
        pass
    assert caught.value.exit_code == 3
    with scene(path, sensor=f"{SURFACE}-harmonised") as opened:
        assert found(opened) == (False, "warning")


@pytest.mark.parametrize("held", [False, True])
def test_overviews_are_looked_at_where_there_are_any(tmp_path: Path, held: bool) -> None:
    product = Sentinel2(held=held)
    data = np.tile(np.stack([product.counts(band) for band in SIX]), (1, 12, 12))
    path = write_raster(tmp_path / "x.tif", data, descriptions=[LABELS[band] for band in SIX], nodata=0)
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4], Resampling.average)
    with scene(path, sensor=SURFACE) as opened:
        assert found(opened) == (held, "note")
        assert opened.grid.height == 2160


def test_fill_values_are_no_counts(tmp_path: Path) -> None:
    product = Sentinel2(dtype=np.int16, date=NEW)
    data = np.stack([product.counts(band) for band in SIX])
    data[:, :90] = -9999
    path = write_raster(tmp_path / f"T33UXP_{NEW}.tif", data, descriptions=[LABELS[band] for band in SIX])
    with scene(path, sensor=SURFACE) as opened:
        assert found(opened) == (True, "note")
        assert not opened.read(opened.grid.window, ["red"]).valid[:90].any()


def test_the_spectrum_of_a_scene_with_few_observed_pixels_tells_nothing() -> None:
    few = {band: np.full(30, 200, np.float32) for band in SIX}
    assert classify_counts(few).result == "unknown"
    assert classify_counts({"red": np.full(100, np.nan, np.float32)}).result == "unknown"


def cities(data_dir: Path) -> list[tuple[str, dict[str, Any]]]:
    """All dates of all cities: counts of all bands but cirrus, on the grid of the bands of 20 m."""
    scenes = []
    names = {label: band for band, label in LABELS.items() if band != "cirrus"}
    for folder in sorted((data_dir / "change-s2").glob("*/*/")):
        files = {names[path.stem[-3:]]: path for path in folder.glob("*.tif") if path.stem[-3:] in names}
        with rasterio.open(files["swir16"]) as file:
            shape = file.shape
        counts = {}
        for band, path in files.items():
            with rasterio.open(path) as file:
                values = file.read(1, out_shape=shape).astype(np.float32)
            counts[band] = np.where(values == 0, np.nan, values)
        scenes.append((f"{folder.parent.name} {folder.name}", counts))
    return scenes


def test_no_city_is_misjudged(data_dir: Path) -> None:
    """Level 1C without the offset, and with it made."""
    scenes, judged = cities(data_dir), []
    assert len(scenes) == 16
    rng = np.random.default_rng(0)
    for name, counts in scenes:
        height, width = counts["red"].shape
        parts = [(slice(None), slice(None))]
        for _ in range(20):
            row, col = int(rng.integers(0, height - 40)), int(rng.integers(0, width - 40))
            parts.append((slice(row, row + 40), slice(col, col + 40)))
        for bands in (tuple(counts), SIX, SIX[:4]):
            for part in parts:
                own = {band: counts[band][part].ravel() for band in bands}
                without = classify_counts(own).result
                assert without in {"absent", "probably absent", "unknown"}, (name, bands, part)
                with_it = classify_counts({band: values + 1000 for band, values in own.items()}).result
                assert with_it in {"present", "unknown"}, (name, bands, part)
                judged += [(without, with_it)] if part == parts[0] and bands == SIX else []
    assert sum(without == "absent" for without, _ in judged) >= 12
    assert sum(with_it == "present" for _, with_it in judged) >= 8


def test_no_chip_of_surface_reflectance_is_misjudged(data_dir: Path) -> None:
    verdicts = []
    for path in sorted((data_dir / "water-hls" / "image").iterdir()):
        with rasterio.open(path) as file:
            data = file.read().astype(np.float32)
        data[data <= -9999] = np.nan
        own = dict(zip(SIX, data.reshape(6, -1), strict=True))
        without = classify_counts(own).result
        with_it = classify_counts({band: values + 1000 for band, values in own.items()}).result
        assert without in {"absent", "unknown"}, path.name
        assert with_it in {"present", "unknown"}, path.name
        verdicts.append((without, with_it))
    assert sum(without == "absent" for without, _ in verdicts) > 200
    assert sum(with_it == "present" for _, with_it in verdicts) > 150


@pytest.mark.parametrize("folder", ["L1C_20210908", "L2A_20210122", "L2A_20230821"])
def test_real_metadata_with_made_bands(data_dir: Path, tmp_path: Path, folder: str) -> None:
    source = next((data_dir / "products").glob(f"S2?_MSI{folder}*.SAFE"))
    root = tmp_path / source.name
    shutil.copytree(source, root)
    for path in (root, *root.rglob("*")):
        path.chmod(0o755)
    held = "_N05" in source.name
    product = Sentinel2(held=held, level=folder[1:3])
    text = next(root.glob("MTD_MSIL*.xml")).read_text()
    for band in product.bands:
        wanted = f"_{LABELS[band]}</IMAGE_FILE>" if product.level == "1C" else f"_{LABELS[band]}_"
        lines = [line for line in text.splitlines() if "IMAGE_FILE" in line and wanted in line]
        for line in lines:
            name = line.partition(">")[2].partition("<")[0]
            metres = int(name[-3:-1]) if product.level == "2A" else 10
            write_raster(root / f"{name}.jp2", product.counts(band, metres), pixel=metres, **JP2)
    with scene(root) as opened:
        assert found(opened) == (held, "note")
        is_ground(opened, replace(product, ground=Ground()))
