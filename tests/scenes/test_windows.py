"""Reading: any window is the same bits as the whole, whatever the grids; validity; padding."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning
from scipy import ndimage

from geoseg.engine.reading import read_tile_rows
from geoseg.errors import SceneError, SceneReadError
from geoseg.grid import Grid, Window
from geoseg.scenes import Scene, open_scene
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from geoseg.tile_grid import TileGrid
from tests.messages import notes_of, warnings_of

UTM = "EPSG:32632"
ORIGIN = (500_000.0, 5_000_000.0)


def write(
    path: Path,
    data: NDArray[Any],
    *,
    pixel: float = 10.0,
    origin: tuple[float, float] = ORIGIN,
    crs: str | None = UTM,
    **profile: Any,
) -> Path:
    """Write (B, H, W) as a GeoTIFF."""
    data = data[None] if data.ndim == 2 else data
    options: dict[str, Any] = {"driver": "GTiff", "count": len(data), "dtype": data.dtype.name}
    if crs:
        options |= {"crs": crs, "transform": Affine(pixel, 0, origin[0], 0, -pixel, origin[1])}
    options |= {"height": data.shape[1], "width": data.shape[2], **profile}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **options) as file:
            file.write(data)
    return path


def scene(*paths: Path, **request: Any) -> Scene:
    """Open a scene with all sensors."""
    return open_scene(SceneSpec(paths=tuple(map(str, paths)), **request), sensors())


def noise(shape: tuple[int, ...], seed: int = 0, low: int = 1, high: int = 9000) -> NDArray[np.uint16]:
    return np.random.default_rng(seed).integers(low, high, shape).astype(np.uint16)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A 10 m, a 20 m, a 60 m band, one of 15 m off by half a pixel, and one in another CRS; with holes."""
    folder = tmp_path_factory.mktemp("mixed")
    paths = []
    for name, size, pixel, shift in (
        ("B02", 120, 10.0, 0),
        ("B11", 60, 20.0, 0),
        ("B09", 21, 60.0, 0),
        ("B05", 81, 15.0, 7.5),
    ):
        data = noise((size, size), seed=int(pixel))
        data[size // 4 : size // 3, size // 2] = 0
        corner = (ORIGIN[0] - shift, ORIGIN[1] + shift)
        paths.append(
            write(folder / f"S2A_MSIL2A_20200101T000000_{name}.tif", data, pixel=pixel, origin=corner)
        )
    with rasterio.open(paths[0]) as file:
        (west, east), (north, south) = rasterio.warp.transform(
            UTM,
            "EPSG:4326",
            *np.array([[file.bounds.left, file.bounds.top], [file.bounds.right, file.bounds.bottom]]).T,
        )
    data = noise((100, 100), seed=7)
    step = (east - west) / 100, (north - south) / 100
    place = Affine(step[0], 0, west, 0, -step[1], north)
    path = folder / "S2A_MSIL2A_20200101T000000_B03.tif"
    paths.append(write(path, data, crs="EPSG:4326", transform=place))
    return paths


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    row=st.integers(-30, 130), col=st.integers(-30, 130), height=st.integers(1, 90), width=st.integers(1, 90)
)
def test_any_window_is_a_slice_of_the_whole(
    mixed: list[Path], row: int, col: int, height: int, width: int
) -> None:
    with scene(*mixed) as opened:
        margin = opened.grid.window.pad(130)
        whole = opened.read(margin, opened.band_names)
        window = Window(row=row, col=col, height=height, width=width)
        part = opened.read(window, opened.band_names)
    rows, cols = window.slices(margin)
    np.testing.assert_array_equal(part.valid, whole.valid[rows, cols])
    np.testing.assert_array_equal(part.data, whole.data[:, rows, cols])
    assert not whole.valid[:130].any()
    assert not whole.valid[:, -130:].any()


def test_coarser_bands_are_interpolated_between_pixel_centres(tmp_path: Path) -> None:
    coarse = noise((12, 14))
    fine = write(tmp_path / "x_green.tif", noise((24, 28)))
    other = write(tmp_path / "x_nir.tif", coarse, pixel=20.0)
    with scene(fine, other) as opened:
        pixels = opened.read(opened.grid.window, ["nir"])
        assert any("nir: resampled to the grid by bilinear" in note for note in notes_of(opened))
    centre = np.meshgrid((np.arange(24) + 0.5) / 2 - 0.5, (np.arange(28) + 0.5) / 2 - 0.5, indexing="ij")
    expected = ndimage.map_coordinates(coarse.astype(float), centre, order=1, mode="nearest")
    assert pixels.data.dtype == np.uint16
    assert np.abs(pixels.data[0] - expected).max() <= 0.51
    assert pixels.valid.all()


def test_holes_lend_no_weight_and_stay_holes(tmp_path: Path) -> None:
    coarse = np.full((10, 10), 500, np.uint16)
    coarse[4, 5] = 0
    fine = write(tmp_path / "x_green.tif", noise((20, 20)))
    other = write(tmp_path / "x_nir.tif", coarse, pixel=20.0, nodata=0)
    with scene(fine, other) as opened:
        pixels = opened.read(opened.grid.window, ["green", "nir"])
    hole = np.zeros((20, 20), bool)
    hole[8:10, 10:12] = True
    np.testing.assert_array_equal(pixels.valid, ~hole)
    assert set(pixels.data[1][~hole]) == {500}


def test_another_crs_agrees_with_gdal(mixed: list[Path]) -> None:
    with scene(*mixed) as opened, rasterio.open(mixed[-1]) as source:
        ours = opened.read(opened.grid.window, ["green"])
        theirs = np.zeros((opened.grid.height, opened.grid.width))
        rasterio.warp.reproject(
            source.read(1).astype(float),
            theirs,
            src_transform=source.transform,
            src_crs=source.crs,
            dst_transform=opened.grid.transform,
            dst_crs=UTM,
            resampling=rasterio.warp.Resampling.bilinear,
            tolerance=0.0,
        )
    inner = (slice(5, -5), slice(5, -5))
    close = np.abs(ours.data[0].astype(float) - theirs)[inner]
    assert np.percentile(close, 99) < 60


def test_finer_layers_are_averaged(tmp_path: Path) -> None:
    fine = noise((40, 40)).astype(np.float32)
    path = write(tmp_path / "a_nir.tif", fine, pixel=2.5)
    with scene(path) as opened:
        grid = Grid(
            crs=opened.grid.crs, transform=Affine(10, 0, ORIGIN[0], 0, -10, ORIGIN[1]), height=10, width=10
        )
        pixels = opened.onto(grid).read(grid.window, ["nir"])
    np.testing.assert_allclose(pixels.data[0], fine.reshape(10, 4, 10, 4).mean((1, 3)), rtol=1e-6)


def test_stored_dtype_is_kept_and_mixed_ones_become_physical(tmp_path: Path) -> None:
    one = write(tmp_path / "S2A_MSIL2A_20200101T000000_B02.tif", noise((8, 8)))
    two = write(tmp_path / "S2A_MSIL2A_20200101T000000_B03.tif", noise((8, 8)).astype(np.float32) / 1e4)
    with scene(one, two) as opened:
        kept = opened.read(opened.grid.window, ["blue"])
        mixed = opened.read(opened.grid.window, ["blue", "green"])
    assert kept.data.dtype == np.uint16
    assert kept.scale == (1e-4,)
    assert mixed.data.dtype == np.float32
    assert mixed.scale == (1.0, 1.0)
    np.testing.assert_allclose(mixed.data[0], kept.physical()[0], rtol=1e-6)


def test_masks_nan_infinity_and_true_alpha(tmp_path: Path) -> None:
    data = np.full((6, 6), 0.3, np.float32)
    data[0, 0], data[1, 1], data[2, 2] = np.nan, np.inf, -9999
    path = write(tmp_path / "x_nir.tif", data)
    with scene(path) as opened:
        pixels = opened.read(opened.grid.window, ["nir"])
        assert any("-9999" in note for note in notes_of(opened))
    assert not pixels.valid[[0, 1, 2], [0, 1, 2]].any()
    assert pixels.valid.sum() == 33
    assert not np.isinf(pixels.data).any()
    rgba = np.full((4, 6, 6), 90, np.uint8)
    rgba[3] = 255
    rgba[3, :2] = 0
    path = write(tmp_path / "m_4709963_se_14_1_20120731.tif", rgba, photometric="RGB", alpha="YES")
    with scene(path) as opened:
        assert opened.band_names == ("red", "green", "blue")
        pixels = opened.read(opened.grid.window, opened.band_names)
    assert pixels.valid.sum() == 24


def test_alpha_that_varies_is_a_band(tmp_path: Path) -> None:
    path = write(tmp_path / "m_4709963_se_14_1_20120731.tif", noise((4, 9, 9), high=200).astype(np.uint8))
    with rasterio.open(path, "r+") as file:
        file.colorinterp = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)
    with scene(path) as opened:
        assert opened.band_names == ("red", "green", "blue", "nir")
        assert any("alpha" in note for note in notes_of(opened))
        assert opened.read(opened.grid.window, ["nir"]).valid.all()


def test_internal_mask(tmp_path: Path) -> None:
    path = write(tmp_path / "x_nir.tif", noise((5, 5)))
    mask = np.full((5, 5), 255, np.uint8)
    mask[:, 2] = 0
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as file:
        file.write_mask(mask)
    with scene(path) as opened:
        np.testing.assert_array_equal(opened.read(opened.grid.window, ["nir"]).valid, mask > 0)


@pytest.mark.parametrize("bands", [["vv"], ["vh"], ["vv", "vh"]])
@pytest.mark.parametrize("split", [False, True])
def test_zero_decibels_is_legal(tmp_path: Path, bands: Sequence[str], split: bool) -> None:
    data = np.full((2, 6, 6), -12, np.float32)
    data[:, 0, 0] = 0
    data[0, 3, 3] = 0
    if split:
        paths = [write(tmp_path / f"a_{name}.tif", data[i], nodata=0) for i, name in enumerate(("vv", "vh"))]
    else:
        paths = [write(tmp_path / "a.tif", data, nodata=0)]
    with scene(*paths) as opened:
        assert opened.units("vv") == "db"
        pixels = opened.select(bands).read(opened.grid.window, bands)
    assert not pixels.valid[0, 0]
    assert pixels.valid.sum() == 35


def test_eight_bit_zero_is_dark_unless_all_bands_are(tmp_path: Path) -> None:
    data = np.full((4, 5, 5), 50, np.uint8)
    data[3, 1, 1] = 0
    data[:, 2, 2] = 0
    path = write(tmp_path / "m_4709963_se_14_1_20120731.tif", data, nodata=0)
    with scene(path) as opened:
        valid = opened.select(["nir"]).read(opened.grid.window, ["nir"]).valid
    assert valid[1, 1]
    assert not valid[2, 2]


def test_truncated_file_names_path_band_and_window(tmp_path: Path) -> None:
    # A file with a nodata tag is not read when it is opened.
    tiles: dict[str, Any] = {"tiled": True, "blockxsize": 256, "blockysize": 256}
    path = write(tmp_path / "x_nir.tif", noise((600, 600)), nodata=0, **tiles)
    path.write_bytes(path.read_bytes()[:400_000])
    with (
        scene(path) as opened,
        pytest.raises(SceneReadError, match=r"x_nir\.tif, band 1, rows 512-599") as error,
    ):
        opened.read(Window(row=512, col=0, height=88, width=600), ["nir"])
    assert error.value.exit_code == 3


def bytes_read() -> int:
    """Bytes that this process has read so far."""
    path = Path("/proc/self/io")
    if not path.exists():
        pytest.skip("the system does not count bytes read")
    return int(path.read_text().split()[1])


@pytest.mark.parametrize("layout", [{"tiled": True, "blockxsize": 512, "blockysize": 512}, {"blockysize": 8}])
def test_each_block_is_decoded_once_with_the_cache_asked_for(tmp_path: Path, layout: dict[str, Any]) -> None:
    data = noise((2, 3000, 1600))
    path = write(tmp_path / "x.tif", data, interleave="band", **layout)
    opened = scene(path, bands={"green": f"{path}:1", "nir": f"{path}:2"})
    need = opened.cache_bytes(["green", "nir"])
    assert need < data.nbytes / 1.5
    with opened, rasterio.Env(GDAL_CACHEMAX=need):
        before = bytes_read()
        tiles = TileGrid(grid=opened.grid, size=512, overlap=64)
        for _ in read_tile_rows(opened, ("green", "nir"), tiles, range(tiles.cols)):
            pass
        taken = bytes_read() - before
    assert taken < 1.15 * path.stat().st_size


def test_no_crs_sizes_must_agree(tmp_path: Path) -> None:
    one = write(tmp_path / "a_green.tif", noise((8, 8)), crs=None)
    two = write(tmp_path / "a_nir.tif", noise((8, 8)), crs=None)
    with scene(one, two) as opened:
        assert opened.grid.crs is None
        assert any("no CRS" in text for text in warnings_of(opened))
        assert opened.read(opened.grid.window, opened.band_names).valid.all()
    three = write(tmp_path / "b_nir.tif", noise((4, 4)), crs=None)
    with pytest.raises(SceneError, match="neither has a CRS"):
        scene(one, three)
    four = write(tmp_path / "c_nir.tif", noise((8, 8)))
    with pytest.raises(SceneError, match="has a CRS but"):
        scene(one, four)
