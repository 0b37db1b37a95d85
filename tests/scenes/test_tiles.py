"""Files that tile an area are one scene, each pixel of the first that observed it; else they are refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from geoseg.errors import GeosegError, SceneError
from geoseg.grid import Window
from geoseg.scenes import Scene, open_scene
from geoseg.scenes.bands import Band
from geoseg.scenes.mosaic import TileMosaic
from geoseg.scenes.raster import Raster
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.messages import notes_of
from tests.products import hls
from tests.products.ground import EAST, NORTH, Ground, lake, write_raster
from tests.products.hls import write_hls
from tests.products.landsat import L8, write_landsat
from tests.products.naip import write_naip
from tests.products.planetscope import FOUR, write_planetscope

SIDE = 48
WHOLE = Ground(kinds=lake(SIDE))


def scene(*paths: Path, **request: Any) -> Scene:
    return open_scene(SceneSpec(paths=tuple(map(str, paths)), **request), sensors())


def part(ground: Ground, rows: slice, cols: slice) -> Ground:
    """A part of a ground without noise, so that tiles agree where they overlap."""
    return Ground(kinds=ground.kinds[rows, cols], noise=0)


def at(row: float, col: float, pixel: float) -> Affine:
    """The grid of a tile that begins at a pixel of the usual grid."""
    return Affine(pixel, 0, EAST + col * pixel, 0, -pixel, NORTH - row * pixel)


UP, DOWN = (slice(0, 30), slice(0, SIDE)), (slice(20, SIDE), slice(0, SIDE))
"""Two tiles that overlap by ten rows."""


@given(
    starts=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=4),
    dtype=st.sampled_from(["uint8", "int16", "uint16", "float32", "float64"]),
    window=st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(1, 12), st.integers(1, 12)),
    seed=st.integers(0, 99),
)
def test_every_pixel_is_of_the_first_tile_that_observed_it(
    tmp_path_factory: pytest.TempPathFactory,
    starts: list[tuple[int, int]],
    dtype: str,
    window: tuple[int, int, int, int],
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    folder = tmp_path_factory.mktemp("tiles")
    top, left = min(row for row, _ in starts), min(col for _, col in starts)
    height = max(row for row, _ in starts) - top + 24
    width = max(col for _, col in starts) - left + 24
    expected = np.zeros((2, height, width), dtype)
    seen = np.zeros(expected.shape, bool)
    tiles = []
    for number, (row, col) in enumerate(starts):
        data = rng.integers(0, 4, (2, 24, 24)).astype(dtype)
        path = write_raster(folder / f"{number}.tif", data, transform=at(row, col, 10), nodata=0)
        raster = Raster(str(path))
        tiles.append(tuple(Band(name=f"b{index}", raster=raster, index=index, nodata=0) for index in (1, 2)))
        here = (slice(None), slice(row - top, row - top + 24), slice(col - left, col - left + 24))
        take = (data != 0) & ~seen[here]
        expected[here][take] = data[take]
        seen[here] |= take
    with TileMosaic(tiles) as mosaic:
        assert (mosaic.grid.height, mosaic.grid.width) == (height, width)
        assert (mosaic.grid.transform.c, mosaic.grid.transform.f) == (EAST + left * 10, NORTH - top * 10)
        asked = Window(row=window[0], col=window[1], height=window[2], width=window[3]).intersect(
            mosaic.grid.window
        )
        if asked.empty:
            return
        rows, cols = asked.slices(mosaic.grid.window)
        for indexes in ([1, 2], [2]):
            data = mosaic.read(asked, indexes)
            mask = mosaic.read_mask(asked, indexes)
            own = [index - 1 for index in indexes]
            np.testing.assert_array_equal(mask, seen[own][:, rows, cols])
            np.testing.assert_array_equal(data, expected[own][:, rows, cols])


def _write(kind: str, folder: Path, tile: tuple[slice, slice], number: int) -> None:
    """Write a tile of a product."""
    ground = part(WHOLE, *tile)
    row, col = tile[0].start, tile[1].start
    if kind == "hls":
        write_hls(folder, ground, tile=("T33UXP", "T33UXQ")[number], transform=at(row, col, 30))
    elif kind == "landsat":
        name = L8.replace("_044034_", ("_044034_", "_044035_")[number])
        write_landsat(folder, ground, name=name, transform=at(row, col, 30))
    elif kind == "naip":
        write_naip(folder, ground, quad=("ne", "se")[number], transform=at(row, col, 1))
    elif kind == "planet":
        item = ("20230614_181520_12_24af", "20230614_181522_34_24af")[number]
        write_planetscope(folder, ground, item=item, transform=at(row, col, 3))
    elif kind == "sentinel-2":
        for label, band in (("B02", "blue"), ("B03", "green"), ("B08", "nir"), ("B11", "swir16")):
            counts = (1e4 * ground.reflectance(band)).round().astype(np.uint16)
            name = f"{('T33UXP', 'T33UXQ')[number]}_20200704T100031_{label}_10m.tif"
            write_raster(folder / name, counts, transform=at(row, col, 10))
    else:
        burst = ("T064-135518-IW1", "T064-135519-IW1")[number]
        stem = f"OPERA_L2_RTC-S1_{burst}_20230507T11121{number}Z_20230508T000000Z_S1A_30_v1.0"
        for band in ("vv", "vh"):
            power = np.where(ground.water, 0.01, 0.1) * (1 if band == "vv" else 0.25)
            path = folder / f"{stem}_{band.upper()}.tif"
            write_raster(path, power.astype(np.float32), transform=at(row, col, 30), nodata=np.nan)
        write_raster(folder / f"{stem}_mask.tif", np.zeros(power.shape, np.uint8), transform=at(row, col, 30))
        (folder / f"{stem}.h5").write_bytes(b"\x89HDF\r\n\x1a\n no more")


@pytest.mark.parametrize("kind", ["hls", "landsat", "naip", "planet", "sentinel-2", "opera"])
def test_products_that_tile_an_area(tmp_path: Path, kind: str) -> None:
    for number, tile in enumerate((UP, DOWN)):
        _write(kind, tmp_path / "tiles", tile, number)
    _write(kind, tmp_path / "whole", (slice(0, SIDE), slice(0, SIDE)), 0)
    with scene(tmp_path / "tiles") as joined, scene(tmp_path / "whole") as whole:
        bands = whole.band_names
        assert joined.band_names == bands
        assert joined.grid == whole.grid
        found = joined.read(joined.grid.window, bands)
        expected = whole.read(whole.grid.window, bands)
        np.testing.assert_array_equal(found.valid, expected.valid)
        np.testing.assert_allclose(found.physical(), expected.physical(), rtol=1e-6)
        note = next(text for text in notes_of(joined) if "are tiles of one scene" in text)
        assert "2 files" in note
        paths = joined.describe()["paths"]
        assert isinstance(paths, list)
        assert len(paths) == 2 * len({band.raster for band in whole.bands})


def test_a_gap_of_one_tile_is_filled_by_the_next_and_so_is_what_hides_it(tmp_path: Path) -> None:
    gap = np.zeros((30, SIDE), bool)
    gap[22:28, 10:20] = True
    cloud = np.full((30, SIDE), 64)
    cloud[24:26, 30:34] = 2
    below = np.full((28, SIDE), 64)
    below[3:5, 12:16], below[5:8, 40:44], below[20:22] = 2, 2, 8
    labels = ["B03", "B8A"]
    write_hls(
        tmp_path, part(WHOLE, *UP), labels=labels, fmask=cloud, gap=gap, transform=at(0, 0, 30), folder="up"
    )
    write_hls(
        tmp_path,
        part(WHOLE, *DOWN),
        labels=labels,
        fmask=below,
        transform=at(20, 0, 30),
        folder="down",
        tile="T33UXQ",
    )
    expected = np.ones((SIDE, SIDE), bool)
    expected[24:26, 30:34] = False  # the first tile's cloud
    expected[23:25, 12:16] = False  # the second tile's cloud, where the first has no data
    expected[40:42] = False  # the second tile's shadow; its cloud under the first tile hides nothing
    seen = part(WHOLE, slice(None), slice(None)).reflectance("green")[expected]
    with scene(tmp_path / "up", tmp_path / "down") as opened:
        found = opened.read(opened.grid.window, ["green", "nir08"])
        np.testing.assert_array_equal(found.valid, expected)
        np.testing.assert_allclose(found.physical()[0][expected], seen, atol=1e-4)


@pytest.mark.parametrize("first", [0, 1])
def test_the_first_file_given_counts(tmp_path: Path, first: int) -> None:
    paths = [
        write_raster(
            tmp_path / f"{number}_green.tif",
            np.full((8, 8), 1 + number, np.uint16),
            transform=at(7 * number, 0, 10),
        )
        for number in (0, 1)
    ]
    order = paths if first == 0 else paths[::-1]
    with scene(*order) as opened:
        found = opened.read(opened.grid.window, ["green"]).data[0, :, 0]
    assert found.tolist() == [1] * (8 if first == 0 else 7) + [2] * (7 if first == 0 else 8)


def test_tiles_with_gains_of_their_own_become_physical_values(tmp_path: Path) -> None:
    for number, tile in enumerate((UP, DOWN)):
        item = ("20230614_181520_12_24af", "20230614_181522_34_24af")[number]
        made = write_planetscope(
            tmp_path,
            part(WHOLE, *tile),
            item=item,
            bands=FOUR,
            kind="radiance",
            transform=at(tile[0].start, 0, 3),
        )
        for path in made.folder.glob(f"{item}*.xml"):
            # Another sun: other coefficients, and other counts of the same ground.
            if number:
                path.write_text(path.read_text().replace("2e-05", "4e-05"))
                with rasterio.open(made.image, "r+") as file:
                    file.write((file.read(1) / 2).round().astype(np.uint16), 1)
    with scene(tmp_path) as opened:
        blue = opened.read(opened.grid.window, ["blue"])
        assert blue.valid.all()
        np.testing.assert_allclose(
            blue.physical()[0], part(WHOLE, slice(None), slice(None)).reflectance("blue"), atol=1e-3
        )


def test_tiles_a_little_off_the_lattice_are_moved_and_told(tmp_path: Path) -> None:
    for number, shift in enumerate((0.0, 0.2)):
        place = at(0, 20 * number + shift, 10)
        write_raster(tmp_path / f"tile{number}_nir.tif", np.full((9, 20), 7, np.uint16), transform=place)
    with scene(tmp_path) as opened:
        assert (opened.grid.height, opened.grid.width) == (9, 40)
        assert any("moved by up to 0.20 pixel" in text for text in notes_of(opened))


def _files(folder: Path, names: Sequence[str], places: Sequence[Affine], **profile: Any) -> Path:
    for name, place in zip(names, places, strict=True):
        data: NDArray[np.uint16] = np.full((10, 10), 2000, np.uint16)
        write_raster(folder / name, data, transform=place, **profile)
    return folder


A, B = "T33UXP_20230704T100031_B03_10m.tif", "T33UXQ_20230704T100031_B03_10m.tif"

LATER = B.replace("0704", "0719")


@pytest.mark.parametrize(
    ("names", "places", "words"),
    [
        ([A, LATER], [at(0, 0, 10), at(10, 0, 10)], "different dates.*T33UXP.*2023-07-04.*T33UXQ"),
        ([A, B], [at(0, 0, 10), at(0, 0, 10)], "band green is in"),
        (["one_green.tif", "two_green.tif"], [at(0, 0, 10), at(2, 0, 10)], "band green is in"),
        (["one_green.tif", "two_green.tif"], [at(0, 0, 10), at(0, 10.4, 10)], "gdalwarp"),
        (["one_green.tif", "two_green.tif"], [at(0, 0, 10), at(0, 8, 12)], "gdalwarp -tr 10 10 -tap"),
    ],
)  # fmt: skip
def test_what_does_not_tile_is_refused(
    tmp_path: Path, names: list[str], places: list[Affine], words: str
) -> None:
    with pytest.raises(SceneError, match=words) as caught:
        scene(_files(tmp_path, names, places))
    assert caught.value.exit_code == 3


def test_tiles_of_two_zones_are_refused_with_the_remedy(tmp_path: Path) -> None:
    write_hls(tmp_path, part(WHOLE, *UP), labels=["B03"])
    write_hls(tmp_path, part(WHOLE, *UP), labels=["B03"], tile="T32UQV", crs="EPSG:32632")
    with pytest.raises(SceneError, match=r"different CRSs.*gdalwarp -t_srs EPSG:3263[23] -tr 30 30 -tap"):
        scene(tmp_path)


def test_tiles_without_a_crs_are_refused(tmp_path: Path) -> None:
    _files(tmp_path, ["one_green.tif", "two_green.tif"], [at(0, 0, 10), at(10, 0, 10)], crs=None)
    with pytest.raises(GeosegError, match="band green is in"):
        scene(tmp_path)


def test_bands_that_not_all_tiles_have_are_left_out(tmp_path: Path) -> None:
    write_hls(tmp_path, part(WHOLE, *UP), labels=["B02", "B03", "B8A", "B11"])
    write_hls(
        tmp_path, part(WHOLE, *DOWN), labels=["B03", "B8A", "B11"], tile="T33UXQ", transform=at(20, 0, 30)
    )
    with scene(tmp_path) as opened:
        assert opened.band_names == ("green", "swir16", "nir08")
        assert any("blue" in item.name and "not all tiles" in item.why for item in opened.metadata.left_out)


def test_blocks_of_tiles_that_a_stretch_of_rows_does_not_reach_need_no_cache(tmp_path: Path) -> None:
    beside, below = [(0, 0), (0, 40)], [(0, 0), (3000, 0)]
    found = []
    for places in (beside[:1], beside, below):
        tiles = []
        for number, (row, col) in enumerate(places):
            data = np.zeros((600, 40), np.uint16)
            path = write_raster(tmp_path / f"{len(places)}{number}.tif", data, transform=at(row, col, 10))
            tiles.append((Band(name="red", raster=Raster(str(path)), index=1),))
        with TileMosaic(tiles) as mosaic:
            found.append(mosaic.cache_bytes([1], 0, 512))
    assert found == [found[0], 2 * found[0], found[0]]


@pytest.mark.parametrize("day", [1, 2])
def test_stac_items_of_tiles(tmp_path: Path, day: int) -> None:
    items = []
    for number, tile in enumerate((UP, DOWN)):
        folder = tmp_path / f"{number}"
        counts = (1e4 * part(WHOLE, *tile).reflectance("green")).round().astype(np.uint16)
        write_raster(folder / "B03.tif", counts, transform=at(tile[0].start, 0, 10))
        band = {
            "href": "B03.tif",
            "type": "image/tiff",
            "eo:bands": [{"name": "B03", "common_name": "green"}],
        }
        item = {
            "type": "Feature",
            "id": f"S2A_33UX{'PQ'[number]}_20200704_0_L2A",
            "collection": "sentinel-2-l2a",
            # The files' names tell no date: the items do.
            "properties": {"datetime": f"2020-07-0{1 + number * (day - 1)}T10:00:31Z"},
            "assets": {"green": band},
        }
        items.append(folder / "item.json")
        items[-1].write_text(json.dumps(item))
    if day == 2:
        with pytest.raises(SceneError, match="different dates"):
            scene(*items)
        return
    with scene(*items) as opened:
        assert opened.grid.height == SIDE
        assert opened.sensor is not None
        assert opened.sensor.name == "sentinel-2-l2a"


def test_angles_of_tiles_are_no_bands(tmp_path: Path) -> None:
    for number, tile in enumerate((UP, DOWN)):
        _write("hls", tmp_path, tile, number)
    with scene(tmp_path) as opened:
        left = [item for item in opened.metadata.left_out if item.why == "angle of sun or view"]
        assert len(left) == 2 * len(hls.ANGLES)
