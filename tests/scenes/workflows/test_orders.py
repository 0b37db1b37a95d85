"""HLS granules and PlanetScope orders as they are delivered, in folders of any name."""

from __future__ import annotations

import json
import shutil
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from geoseg.errors import BandError, SceneError
from geoseg.scenes import Scene, open_scene
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.messages import warnings_of
from tests.products import hls, planetscope
from tests.products.ground import Ground, disc, write_raster
from tests.products.planetscope import EIGHT, FOUR, planet_item, write_planetscope

SMALL = Ground(kinds=disc(24, 7, 12, 12).astype(np.uint8))

Product = Literal["L30", "S30"]


def scene(*paths: Path, **request: Any) -> Scene:
    return open_scene(SceneSpec(paths=tuple(map(str, paths)), **request), sensors())


def holds(opened: Scene, ground: Ground, bands: dict[str, str]) -> None:
    """Bands hold the reflectance of the ground's bands."""
    for band, like in bands.items():
        found = opened.read(opened.grid.window, [band])
        assert found.valid.all()
        np.testing.assert_allclose(found.physical()[0], ground.reflectance(like), atol=0.001)


FOLDERS = ("S2_data", "landsat8", "LC08_L2SP_044034_20190614_20200828_02_T1", "2019-05-01", "sentinel-2-l1c")


@pytest.mark.parametrize("product", ["L30", "S30"])
@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("given", ["folder", "files"])
def test_the_files_of_a_granule_say_what_it_is(
    tmp_path: Path, product: Product, folder: str, given: str
) -> None:
    made = hls.write_hls(tmp_path, SMALL, product=product, folder=folder)
    paths = [made.file(label) for label in (*made.bands, "Fmask")] if given == "files" else [made.folder]
    with scene(*paths) as opened:
        assert opened.sensor is not None
        assert opened.sensor.name == f"hls-{product.lower()}"
        assert opened.time == datetime(2022, 6, 1, 10, 0, 31, tzinfo=UTC)
        assert set(opened.band_names) == set(made.bands.values())
        holds(opened, SMALL, {band: band for band in made.bands.values()})
        assert [layer.title for layer in opened.quality.layers] == ["Fmask"]
        left = {item.name: item.why for item in opened.metadata.left_out}
        assert (len(left) == 5) == (given == "folder")
        assert "coastal" in opened.band_names


@pytest.mark.parametrize("product", ["L30", "S30"])
@pytest.mark.parametrize("catalogue", ["cmr", "planetary"])
def test_items_of_granules(tmp_path: Path, product: Product, catalogue: str) -> None:
    made = hls.write_hls(tmp_path, SMALL, product=product)
    write = hls.cmr_item if catalogue == "cmr" else hls.planetary_item
    with scene(write(made, tmp_path / "item.json")) as opened:
        assert opened.sensor is not None
        assert opened.sensor.name == f"hls-{product.lower()}"
        holds(opened, SMALL, {band: band for band in made.bands.values()})
        assert [layer.title for layer in opened.quality.layers] == ["Fmask"]


def test_granules_of_two_sensors_are_no_scene(tmp_path: Path) -> None:
    one = hls.write_hls(tmp_path, SMALL, product="L30", labels=["B03", "B05"])
    other = hls.write_hls(tmp_path, SMALL, product="S30", labels=["B02", "B8A"])
    with pytest.raises(SceneError, match=r"several sensors.*HLS\.L30.*is hls-l30.*HLS\.S30.*is hls-s30"):
        scene(one.folder, other.folder)


@pytest.mark.parametrize("bands", [FOUR, EIGHT])
@pytest.mark.parametrize("kind", ["sr", "harmonized", "radiance"])
@pytest.mark.parametrize("described", [True, False])
def test_an_order(tmp_path: Path, bands: tuple[str, ...], kind: planetscope.Kind, described: bool) -> None:
    made = write_planetscope(tmp_path / "order", SMALL, bands=bands, kind=kind, described=described)
    for given in (tmp_path / "order", made.folder, made.image):
        with scene(given) as opened:
            assert opened.sensor is not None
            assert opened.sensor.name == ("planetscope-radiance" if kind == "radiance" else "planetscope")
            assert set(opened.band_names) == set(bands)
            assert {opened.units(band) for band in bands} == {"reflectance"}
            holds(
                opened,
                SMALL,
                {band: {"green05": "green", "yellow": "green"}.get(band, band) for band in bands},
            )
            assert [layer.title for layer in opened.quality.layers] == ["udm2"]
            assert opened.time == datetime(2023, 6, 14, 18, 15, 20, 120_000, tzinfo=UTC)
            assert opened.geometry is not None
            assert opened.geometry.sun_zenith == pytest.approx(90 - planetscope.SUN_ELEVATION)
            assert not warnings_of(opened)


def test_radiance_without_its_metadata_file_is_warned_of(tmp_path: Path) -> None:
    made = write_planetscope(tmp_path, SMALL, bands=FOUR, kind="radiance", xml=False)
    with scene(made.folder) as opened:
        assert opened.units("nir") == "radiance"
        assert any("reflectance coefficients" in text for text in warnings_of(opened))


@pytest.mark.parametrize("packed", ["zip", "item", "composite"])
def test_an_order_delivered_in_other_ways(tmp_path: Path, packed: str) -> None:
    made = write_planetscope(tmp_path / "order", SMALL)
    path = tmp_path / "order"
    if packed == "zip":
        with zipfile.ZipFile(tmp_path / "psscene.zip", "w") as file:
            for item in made.folder.iterdir():
                file.write(item, f"PSScene/{item.name}")
        shutil.rmtree(made.folder)
        (tmp_path / "psscene.zip").rename(path / "psscene.zip")
    elif packed == "item":
        path = planet_item(made, made.folder / "item.json")
    else:
        made.image.rename(path / "composite.tif")
        next(made.folder.glob("*udm2*")).rename(path / "composite_udm2.tif")
    request = {"sensor": "planetscope"} if packed == "composite" else {}
    with scene(path, **request) as opened:
        assert set(opened.band_names) == set(EIGHT)
        holds(opened, SMALL, {"nir": "nir", "coastal": "coastal"})
        assert [layer.title for layer in opened.quality.layers] == ["udm2"]


def test_reflectance_and_radiance_of_one_scene_are_told_apart(tmp_path: Path) -> None:
    write_planetscope(tmp_path, SMALL, kind="sr")
    write_planetscope(tmp_path, SMALL, kind="radiance")
    with pytest.raises((SceneError, BandError), match="AnalyticMS") as caught:
        scene(tmp_path)
    assert "give" in str(caught.value)


def test_an_order_tile_and_rapideye(tmp_path: Path) -> None:
    data = np.full((4, 6, 6), 3000, np.uint16)
    ortho = write_raster(tmp_path / "ps" / "1259913_1056917_2018-03-05_1032_BGRN_SR.tif", data, nodata=0)
    write_raster(
        tmp_path / "ps" / "1259913_1056917_2018-03-05_1032_BGRN_DN_udm.tif", data[0].astype(np.uint8) * 0
    )
    five = np.full((5, 6, 6), 3000, np.uint16)
    write_raster(tmp_path / "re" / "4756005_2010-08-25_RE2_3A_Analytic_SR.tif", five, nodata=0)
    for path, bands, day in (
        (ortho.parent, {"blue", "green", "red", "nir"}, (2018, 3, 5)),
        (tmp_path / "re", {"blue", "green", "red", "rededge071", "nir"}, (2010, 8, 25)),
    ):
        with scene(path) as opened:
            assert set(opened.band_names) == bands
            assert opened.units("nir") == "reflectance"
            assert opened.time is not None
            assert (opened.time.year, opened.time.month, opened.time.day) == day


def test_damaged_metadata_files_do_not_stop_an_order(tmp_path: Path) -> None:
    made = write_planetscope(tmp_path, SMALL, kind="radiance")
    for path in made.folder.glob("*metadata*"):
        path.write_text("<no>" if path.suffix == ".xml" else json.dumps({"properties": {}}))
    with scene(made.folder) as opened:
        assert opened.time == datetime(2023, 6, 14, 18, 15, 20, tzinfo=UTC)
        assert any("reflectance coefficients" in text for text in warnings_of(opened))
