"""A full disk, under outputs or scratch files, is exit 6 with nothing left, never the end by a signal."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geoseg.bundles.find import find_model, write_bundle
from geoseg.engine.plan import WIDEST
from geoseg.errors import OutputError
from geoseg.files.disk import check_blocks
from geoseg.files.scratch import ColumnStore, ScratchFile, scratch_folder
from geoseg.scenes.elevation import open_terrain
from geoseg.scenes.wind_fields import WindFile
from tests import plumes
from tests.disks import small_disk
from tests.products.ground import Ground, lake, write_raster
from tests.spectrometer import simulate, write_granule

Geoseg = Callable[..., tuple[str, str]]

BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
BANDED = ("--tile", "128")
LITTLE = (
    "import geoseg.engine.plan as plan; plan.WIDEST = plan.TOTAL_MIB = 1; from geoseg.cli import main; main()"
)
"""The program with many column bands, and little memory for polygons: outlines and edits go to disk."""
SENSOR = ("--sensor", "sentinel-2-l2a-harmonised")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene of two dates, one wider than a column band, and its classes."""
    root = tmp_path_factory.mktemp("scenes")
    kinds = np.tile(lake(120), (3, 4))
    for seed, name in enumerate(("before.tif", "after.tif")):
        ground = Ground(kinds=kinds, seed=seed)
        bands = np.stack([(ground.reflectance(band) * 10_000).round() for band in BANDS])
        write_raster(root / name, bands.astype(np.uint16), descriptions=BANDS, nodata=0)
    wide = np.tile(lake(80), (1, WIDEST // 80 + 8))
    ground = Ground(kinds=wide)
    bands = np.stack([(ground.reflectance(band) * 10_000).round() for band in ("green", "swir16")])
    write_raster(root / "wide.tif", bands.astype(np.uint16), descriptions=("green", "swir16"), nodata=0)
    noise = np.random.default_rng(0).integers(0, 4, (300, 400)).astype(np.uint8)
    write_raster(root / "classes.tif", noise)
    mostly = (np.random.default_rng(1).random((700, 700)) < 0.65).astype(np.uint8)
    write_raster(root / "noise.tif", mostly)
    return root


def _refused(geoseg: Geoseg, words: Sequence[object], disk: Path, told: str) -> None:
    """Expect exit 6, its message, and an empty disk."""
    _, err = geoseg(*words, code=6)
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert told in line
    assert list(disk.iterdir()) == []


COMMANDS = {
    "flood in column bands": (
        "flood",
        "after.tif",
        *SENSOR,
        "--method",
        "classical",
        *BANDED,
    ),
    "flood of a wide scene": ("flood", "wide.tif", *SENSOR, "--method", "classical"),
    "change": ("change", "before.tif", "after.tif", *SENSOR, *BANDED),
    "segment": (
        "segment",
        "after.tif",
        *SENSOR,
        "--model",
        "water-optical",
        *BANDED,
    ),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_scratch_files_beside_the_output(command: str, scenes: Path, tmp_path: Path) -> None:
    """In a process of its own, which a signal would end."""
    words = [scenes / word if word.endswith(".tif") else word for word in COMMANDS[command]]
    with small_disk(tmp_path / "disk", 96) as disk:
        program = ["-m", "geoseg"] if "wide.tif" in COMMANDS[command] else ["-c", LITTLE]
        call = [sys.executable, *program, *map(str, words), "-o", str(disk / "map.gpkg")]
        done = subprocess.run(call, check=False, capture_output=True, text=True)
        assert done.returncode == 6, (done.returncode, done.stderr)
        assert "scratch files cannot be written there" in done.stderr
        assert list(disk.iterdir()) == []


MOMENTS = {
    "vectorize noise": (("vectorize", "noise.tif"), (150, 1000, 2500, 5000, 9000)),
    "flood and its raster": (
        ("flood", "after.tif", *SENSOR, "--method", "classical", "--raster", "a.tiff", "--picture", "a.png"),
        (30, 100, 200, 400),
    ),
    "flood in column bands": (COMMANDS["flood in column bands"], (200, 350, 500, 700)),
    "change": (("change", "before.tif", "after.tif", *SENSOR, *BANDED), (200, 400, 700)),
    "to FlatGeobuf": (("vectorize", "classes.tif", "fgb"), (900, 1300, 1600)),
    "to GeoJSON": (("vectorize", "classes.tif", "geojson"), (900, 1300, 1600)),
}
"""Commands, and sizes of disks in KiB on which they do not fit."""


@pytest.mark.slow
@pytest.mark.parametrize("command", MOMENTS)
def test_the_disk_is_full_at_any_moment(command: str, scenes: Path, tmp_path: Path) -> None:
    """In processes of their own, which a signal would end; then on a disk that is large enough."""
    words, sizes = MOMENTS[command]
    suffix = words[-1] if words[-1] in {"fgb", "geojson"} else "gpkg"
    codes = []
    for kib in (*sizes, 100_000):
        with small_disk(tmp_path / "disk", kib) as disk:
            ends = {".tif": scenes, "tiff": disk, ".png": disk}
            call = [str(ends[word[-4:]] / word) if word[-4:] in ends else word for word in words]
            call = [word for word in call if word != suffix]
            done = subprocess.run(
                [sys.executable, "-c", LITTLE, *call, "-o", str(disk / f"map.{suffix}")],
                check=False,
                capture_output=True,
                text=True,
                env={**os.environ, "TMPDIR": str(disk)},
            )
            codes.append(done.returncode)
            assert done.returncode in {0, 6}, (kib, done.returncode, done.stderr)
            if done.returncode:
                assert "Traceback" not in done.stderr
                assert len([line for line in done.stderr.splitlines() if line.startswith("error: ")]) == 1
                assert list(disk.iterdir()) == [], kib
    assert codes[0] == 6
    assert codes[-1] == 0


@pytest.mark.parametrize("kib", [64, 160, 320, 640])
@pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".geojson"])
def test_outputs(suffix: str, kib: int, scenes: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    with small_disk(tmp_path / "disk", kib) as disk:
        words = ("vectorize", scenes / "classes.tif", "-o", disk / f"map{suffix}")
        _refused(geoseg, words, disk, f"map{suffix}")


def test_rasters(scenes: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    """The old map stays where the new one does not fit; what does not fit is written nowhere."""
    words = ["flood", scenes / "after.tif", *SENSOR, "--method", "classical", "-o", tmp_path / "map.gpkg"]
    with small_disk(tmp_path / "disk", 4) as disk:
        for option, name in (("--raster", "map.tif"), ("--scores", "map.tif"), ("--picture", "map.png")):
            _refused(geoseg, [*words, option, disk / name], disk, name)
            assert not (tmp_path / "map.gpkg").exists()


def test_methane_of_two_bands(tmp_path: Path, geoseg: Geoseg) -> None:
    scene = plumes.write(tmp_path / "day", plumes.ground(2))
    calm = plumes.write(tmp_path / "calm", plumes.ground(1), "S2A_MSIL1C_20210626T065621")
    with small_disk(tmp_path / "disk", 256) as disk:
        words = ("methane", "plume", scene, "--reference", calm, "--wind", 3, "-o", disk / "p.gpkg")
        _refused(geoseg, words, disk, "scratch files cannot be written there")


def test_methane_of_a_cube(tmp_path: Path, geoseg: Geoseg) -> None:
    granule = write_granule(tmp_path / "EMIT_L1B_RAD_001_20230506T101031_2312607_014.nc", simulate(60, 40))
    with small_disk(tmp_path / "disk", 512) as disk:
        words = ("methane", "plume", granule, "-o", disk / "p.gpkg")
        _refused(geoseg, words, disk, "scratch files cannot be written there")


def test_slope_in_the_folder_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heights = np.random.default_rng(0).normal(300, 50, (400, 400)).astype(np.float32)
    path = write_raster(tmp_path / "dem.tif", heights)
    with small_disk(tmp_path / "disk", 128) as disk:
        monkeypatch.setattr("tempfile.tempdir", str(disk))
        with pytest.raises(OutputError, match="TMPDIR"), scratch_folder() as folder:
            open_terrain(path, "slope", "slope", folder)
        assert list(disk.iterdir()) == []
        (disk / "fill").write_bytes(bytes(128 * 1024))
        with pytest.raises(OutputError, match="TMPDIR"), scratch_folder() as folder:
            open_terrain(path, "slope", "slope", folder)
    with pytest.raises(OutputError, match="cannot be written there"), scratch_folder(tmp_path / "nowhere"):
        pytest.fail("entered")


def test_wind_unpacked_in_the_folder_for_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "era5.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data_stream-oper.nc", np.random.default_rng(0).bytes(300_000))
    with small_disk(tmp_path / "disk", 128) as disk:
        monkeypatch.setattr("tempfile.tempdir", str(disk))
        with pytest.raises(OutputError, match="TMPDIR"):
            WindFile(path)
        assert list(disk.iterdir()) == []


def test_a_bundle(tmp_path: Path) -> None:
    model = find_model("water-optical")
    with small_disk(tmp_path / "disk", 64) as disk:
        with pytest.raises(OutputError, match="is full"):
            write_bundle(disk / "bundle", model, card="a card")
        assert list(disk.iterdir()) == []
        (disk / "bundle").mkdir()
        (disk / "bundle" / "model.json").write_text("the old one")
        with pytest.raises(OutputError, match="is full"):
            write_bundle(disk / "bundle", model, card="a card")
        assert [path.read_text() for path in (disk / "bundle").iterdir()] == ["the old one"]


def test_a_scratch_file_that_does_not_fit_is_told_before_it_is_filled(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64) as disk:
        with pytest.raises(OutputError, match="the disk is full"):
            ScratchFile(disk / "numbers", 128 * 1024)
        with ScratchFile(disk / "numbers") as file:
            with pytest.raises(OutputError, match="the disk is full"):
                file.write(np.zeros(128 * 1024, np.uint8), 0)
            with pytest.raises(OutputError, match="truncated"):
                file.read(np.zeros(128 * 1024, np.uint8), 0)
        assert list(disk.iterdir()) == []


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_column_store_gives_back_what_it_took(dtype: type[np.generic], tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 250, (50, 90)).astype(dtype)
    edges = (0, 30, 31, 90)
    with ColumnStore(tmp_path / "store", 50, edges, np.dtype(dtype)) as store:
        for group, (left, right) in enumerate(pairwise(edges)):
            for row in range(0, 50, 20):
                store.write(group, row, image[row : row + 20, left:right])
        for row, stop in ((0, 50), (0, 1), (7, 33), (49, 50)):
            assert np.array_equal(store.read(row, stop), image[row:stop])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [{}, {"compress": "deflate"}, {"count": 3}], ids=str)
def test_blocks_that_are_not_in_a_file_are_found(options: dict[str, Any], tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 250, (3, 512, 512)).astype(np.uint8)
    path = write_raster(tmp_path / "a.tif", data, tiled=True, blockxsize=256, blockysize=256, **options)
    check_blocks(path)
    size = path.stat().st_size
    with path.open("rb+") as file:
        file.truncate(size - 100)
    with pytest.raises(OSError, match="truncated"):
        check_blocks(path)
