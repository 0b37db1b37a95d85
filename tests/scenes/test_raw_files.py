"""Raw files are read as GDAL reads them, to the bit, or left to GDAL."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window as RioWindow

from geoseg.errors import SceneReadError
from geoseg.grid import Window
from geoseg.scenes import raw_files
from geoseg.scenes.raster import Raster
from geoseg.scenes.raw_files import RawFile, raw_file

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

BANDS, ROWS, COLS = 5, 7, 6
TYPES = {1: "u1", 2: "i2", 4: "f4", 5: "f8", 12: "u2"}
"""Data types of ENVI."""
AXES = {"bsq": (0, 1, 2), "bil": (1, 0, 2), "bip": (1, 2, 0)}
"""Order of (band, row, column) in the file."""


def write(path: Path, interleave: str = "bil", code: int = 4, order: int = 0, begin: int = 0) -> Path:
    """Write a raw file of random values with its header, and return its path."""
    dtype = np.dtype(TYPES[code]).newbyteorder(">" if order else "<")
    values = np.random.default_rng(1).uniform(0, 250, (BANDS, ROWS, COLS)).astype(dtype)
    if dtype.kind == "f":
        values[1, 2, 3] = np.nan
    path.write_bytes(b"x" * begin + values.transpose(AXES[interleave]).tobytes())
    path.with_suffix(".hdr").write_text(
        f"ENVI\nsamples = {COLS}\nlines = {ROWS}\nbands = {BANDS}\nheader offset = {begin}\n"
        f"data type = {code}\ninterleave = {interleave}\nbyte order = {order}\n"
    )
    return path


@pytest.mark.parametrize("run", [1, 2**22])
@pytest.mark.parametrize(("interleave", "code", "order"), list(itertools.product(AXES, TYPES, (0, 1))))
def test_windows_are_those_of_gdal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interleave: str, code: int, order: int, run: int
) -> None:
    monkeypatch.setattr(raw_files, "RUN_BYTES", run)
    path = write(tmp_path / "cube.img", interleave, code, order, begin=3 * code)
    with rasterio.open(path) as dataset:
        file = raw_file(dataset)
        assert file is not None
        with file:
            for rows, cols in (((0, 7), (0, 6)), ((2, 3), (1, 5)), ((6, 7), (5, 6)), ((1, 5), (0, 6))):
                for bands in ([1, 2, 3, 4, 5], [2, 3, 5], [4, 1], [3], [2, 2]):
                    window = Window(
                        row=rows[0], col=cols[0], height=rows[1] - rows[0], width=cols[1] - cols[0]
                    )
                    found = file.read(window, bands)
                    expected = dataset.read(bands, window=RioWindow.from_slices(rows, cols))
                    assert found.dtype == expected.dtype
                    assert found.dtype.isnative
                    np.testing.assert_array_equal(found, expected)


def test_a_raster_reads_such_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "cube.img")
    reads: list[Sequence[int]] = []
    usual = RawFile.read

    def read(file: RawFile, window: Window, indexes: Sequence[int]) -> NDArray[np.generic]:
        reads.append(indexes)
        return usual(file, window, indexes)

    monkeypatch.setattr(RawFile, "read", read)
    window = Window(row=1, col=2, height=3, width=4)
    with Raster(str(path)) as raster:
        reads.clear()
        found = raster.read(window, [2, 4])
    assert reads == [[2, 4]]
    with rasterio.open(path) as dataset:
        np.testing.assert_array_equal(found, dataset.read([2, 4], window=RioWindow(2, 1, 4, 3)))


def _short(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-1])
    return path


def _compressed(path: Path) -> Path:
    path.write_bytes(gzip.compress(path.read_bytes()))
    header = path.with_suffix(".hdr")
    header.write_text(header.read_text() + "file compression = 1\n")
    return path


def _with_overview(path: Path) -> Path:
    with rasterio.open(path, "r+") as dataset:
        dataset.build_overviews([2])
    return path


def _without_byte_order(path: Path) -> Path:
    header = path.with_suffix(".hdr")
    header.write_text(header.read_text().replace("byte order = 0\n", ""))
    return path


def _as_geotiff(path: Path) -> Path:
    with rasterio.open(path) as dataset:
        values = dataset.read()
    tif = path.with_suffix(".tif")
    with rasterio.open(
        tif, "w", driver="GTiff", dtype="float32", width=COLS, height=ROWS, count=BANDS
    ) as file:
        file.write(values)
    return tif


@pytest.mark.parametrize("change", [_short, _compressed, _without_byte_order, _as_geotiff])
def test_other_files_are_left_to_gdal(tmp_path: Path, change: Callable[[Path], Path]) -> None:
    path = change(write(tmp_path / "cube.img"))
    with rasterio.open(path) as dataset:
        assert raw_file(dataset) is None


def test_an_overview_is_left_to_gdal(tmp_path: Path) -> None:
    path = _with_overview(write(tmp_path / "cube.img"))
    with rasterio.open(path, OVERVIEW_LEVEL=0) as dataset:
        assert raw_file(dataset) is None


def test_a_file_whose_lines_are_not_those_of_gdal_is_left_to_gdal(tmp_path: Path) -> None:
    path = write(tmp_path / "cube.img")
    with rasterio.open(path) as dataset:
        dataset.read()  # from here on in the cache of GDAL
        path.write_bytes(path.read_bytes()[::-1])
        assert raw_file(dataset) is None


@pytest.mark.parametrize("interleave", AXES)
def test_a_file_that_shrinks_is_an_error(tmp_path: Path, interleave: str) -> None:
    path = write(tmp_path / "cube.img", interleave)
    with Raster(str(path)) as raster:
        path.write_bytes(b"")
        with pytest.raises(SceneReadError, match=r"cube\.img, band 4, rows 4-5.* cannot be read"):
            raster.read(Window(row=4, col=0, height=2, width=6), [4])
