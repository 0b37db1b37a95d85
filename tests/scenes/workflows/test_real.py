"""Real rasters of every kind: names, units and plausible values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geoseg.errors import BandError
from geoseg.scenes import Scene, open_scene
from geoseg.scenes.layers import open_raster_layer
from geoseg.scenes.stack import Stack, StackLayer
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.messages import notes_of


def scene(*paths: Path, **request: Any) -> Scene:
    return open_scene(SceneSpec(paths=tuple(map(str, paths)), **request), sensors())


def medians(opened: Scene) -> dict[str, float]:
    """The median of every band's valid physical values."""
    pixels = opened.read(opened.grid.window, opened.band_names)
    return dict(zip(opened.band_names, np.nanmedian(pixels.physical(), axis=(1, 2)).tolist(), strict=True))


def test_landsat_8_level_1(data_dir: Path) -> None:
    with scene(data_dir / "landsat8-l1") as opened:
        assert opened.grid.transform.a == 15
        assert opened.sensor is not None
        assert opened.sensor.name == "landsat-8-l1"
        # (2e-5 DN - 0.1) / sin(64.7436 degrees)
        assert opened.bands[0].scale == pytest.approx(2e-5 / np.sin(np.radians(64.74360932)))
        chosen = opened.select(["green", "red", "nir", "swir16"])
        assert (chosen.grid.height, chosen.grid.width, chosen.grid.transform.a) == (603, 627, 30)
        middle = medians(chosen)
    assert 0.02 < middle["red"] < middle["green"] < middle["nir"] < 0.5


def test_pan_and_multispectral_grids_are_half_a_pixel_apart(data_dir: Path) -> None:
    with scene(data_dir / "landsat8-l1") as opened:
        coarse = opened.select(["green"])
        native = coarse.read(coarse.grid.window, ["green"]).physical()[0]
        fine = opened.select(["pan", "green"])
        up = fine.read(fine.grid.window, ["green"]).physical()[0]
    # Every second centre of the 15 m grid is a centre of the 30 m grid.
    shift = round((coarse.grid.transform.c - fine.grid.transform.c) / 15 - 0.5)
    assert shift == 0
    apart = np.abs(up[1::2, 1::2][:602, :626] - native[:602, :626])
    assert np.nanmax(apart) < 1e-4


def test_sentinel_2_jp2_suffix_but_geotiff(data_dir: Path) -> None:
    with scene(data_dir / "s2-jp2") as opened:
        assert opened.sensor is not None
        assert opened.sensor.name == "sentinel-2-l1c"
        assert opened.grid.transform.a == 20
        assert all(0 <= value < 1 for value in medians(opened).values())


@pytest.mark.parametrize("date", ["before", "after"])
def test_sentinel_2_city_in_degrees(data_dir: Path, date: str) -> None:
    with scene(data_dir / "change-s2" / "abudhabi" / date) as opened:
        assert len(opened.band_names) == 13
        assert opened.time is not None
        assert opened.time.year == (2016 if date == "before" else 2018)
        assert opened.bands[0].offset == 0
        middle = medians(opened)
    assert all(0 < value < 0.6 for value in middle.values())


def test_a_pair_of_cities_stands_on_one_grid(data_dir: Path) -> None:
    folder = data_dir / "change-s2" / "abudhabi"
    with scene(folder / "after") as after, scene(folder / "before") as before:
        pair = Stack(after.select(["green"]), [StackLayer(source=before.select(["green"]), prefix="before")])
        pixels = pair.read(pair.grid.window, pair.band_names)
        both = pixels.physical()[:, pixels.valid]
    assert pixels.valid.mean() > 0.95
    assert np.asarray(np.corrcoef(both))[0, 1] > 0.5


def test_hls_needs_to_be_told(data_dir: Path) -> None:
    path = data_dir / "water-hls" / "image" / "0.tif"
    with pytest.raises(BandError, match="hls"):
        scene(path)
    with scene(path, sensor="hls") as opened:
        assert opened.grid.crs is None
        middle = medians(opened)
        assert opened.select(["nir", "green"]).band_names == ("nir", "green")
    assert 0.01 < middle["green"] < middle["nir08"] < 0.5


def test_sentinel_1_chips(data_dir: Path) -> None:
    for path in sorted((data_dir / "flood-s1" / "us-carolina" / "s1").glob("*.tif"))[:3]:
        with scene(path) as opened:
            assert opened.band_names == ("vv", "vh")
            middle = medians(opened)
            assert any("vv, vh" in note for note in notes_of(opened))
        assert -25 < middle["vh"] < middle["vv"] < -3


def test_sentinel_1_folder_with_terrain(data_dir: Path) -> None:
    with scene(data_dir / "sar-dem" / "test_features") as opened:
        height = open_raster_layer(
            data_dir / "sar-dem" / "nasadem" / "ayt12.tif", "height", categorical=False
        )
        made = Stack(opened, [StackLayer(source=height, required=False)])
        pixels = made.read(made.grid.window, ["vv", "vh", "height"])
    assert pixels.valid.all()
    assert -20 < np.median(pixels.data[1]) < np.median(pixels.data[0]) < -5
    assert 0 < np.nanmedian(pixels.data[2]) < 1000


def test_naip_fourth_band_is_near_infrared(data_dir: Path) -> None:
    with scene(data_dir / "series-naip" / "m_4709963_se_14_1_20120731.tif") as opened:
        assert opened.band_names == ("red", "green", "blue", "nir")
        assert opened.time is not None
        assert opened.time.date().isoformat() == "2012-07-31"
        assert medians(opened)["nir"] > 150


def test_envi_with_wavelengths(data_dir: Path) -> None:
    with scene(data_dir / "change-landsat" / "Taizhou" / "2000TM") as opened:
        assert opened.band_names == ("blue", "green", "red", "nir", "swir16", "swir22")
        assert opened.units("nir") == "dn"


def test_bands_by_option_and_by_word(data_dir: Path) -> None:
    green, nir = (data_dir / "scene-s2" / f"amazon_manaus_{name}.tif" for name in ("green", "nir"))
    with scene(green, nir) as words, scene(green, bands={"green": f"{green}:1", "nir": f"{nir}:1"}) as told:
        window = words.grid.crop(words.grid.window).window
        one, two = (item.read(window, ["green", "nir"]) for item in (words, told))
        np.testing.assert_array_equal(one.data, two.data)
        assert words.units("nir") == "dn"
    with scene(green, nir, sensor="sentinel-2-l1c") as opened:
        assert 0 < medians(opened)["green"] < 0.3


def test_landsat_composite_needs_names(data_dir: Path) -> None:
    path = data_dir / "series-landsat" / "2000.tif"
    with pytest.raises(BandError, match="--band"):
        scene(path)
    with scene(path, bands={"swir16": ":1", "nir": ":2", "red": ":3", "green": ":4"}) as opened:
        pixels = opened.read(opened.grid.window, ["swir16", "green"])
    # 34 pixels are 0 in one band only: dark, not missing.
    assert pixels.valid.all()


def test_terrain_with_holes(data_dir: Path) -> None:
    layer = open_raster_layer(data_dir / "lidar" / "dtm.tif", "height", categorical=False)
    with layer:
        pixels = layer.read(layer.grid.window, ["height"])
    assert (~pixels.valid).sum() == 276
    assert np.nanmin(pixels.physical()) > -100
