"""Class and score rasters as COGs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import CRS

from geoseg.errors import OutputError
from geoseg.grid import Grid
from geoseg.outputs import cog as cog_module
from geoseg.outputs import open_raster
from geoseg.outputs.record import read_record
from geoseg.pixels import NODATA_CLASS, Strip
from geoseg.run_record import RunRecord
from geoseg.spec import ClassSpec
from tests.together import together

Map = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def grid_of(shape: tuple[int, int], crs: CRS | None) -> Grid:
    transform = Affine.identity() if crs is None else Affine(10, 0, 500_000, 0, -10, 5_000_000)
    return Grid(crs=crs, transform=transform, height=shape[0], width=shape[1])


def scene(shape: tuple[int, int], seed: int = 0) -> Map:
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 3, shape).astype(np.uint8)
    classes[rng.random(shape) < 0.1] = NODATA_CLASS
    scores = rng.integers(0, 256, shape).astype(np.uint8)
    scores[classes == NODATA_CLASS] = 0
    return classes, scores


def strips(pixels: Map, cuts: Sequence[int]) -> list[Strip]:
    edges = sorted({0, len(pixels[0]), *cuts})
    return [Strip(row=a, classes=pixels[0][a:b], scores=pixels[1][a:b]) for a, b in pairwise(edges)]


def test_both_rasters_are_cogs_that_say_everything(
    tmp_path: Path, classes: tuple[ClassSpec, ...], crs: CRS, record: RunRecord
) -> None:
    pixels = scene((700, 1100))
    class_path, score_path = tmp_path / "classes.tif", tmp_path / "scores.tif"
    grid = grid_of(pixels[0].shape, crs)
    with (
        together(class_path, score_path) as beside,
        open_raster(class_path, score_path, grid=grid, classes=classes, beside=beside) as sink,
    ):
        for strip in strips(pixels, range(0, 700, 90)):
            sink.write(strip)
        sink.finish(record)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["classes.tif", "scores.tif"]
    for path in (class_path, score_path):
        with rasterio.open(path) as file:
            assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            assert file.overviews(1) == [2, 4]
            assert file.crs.to_epsg() == 32633
            assert file.transform == grid.transform
        assert read_record(path) == record
    with rasterio.open(class_path) as file:
        np.testing.assert_array_equal(file.read(1), pixels[0])
        assert file.nodata == NODATA_CLASS
        assert file.colormap(1)[1] == (0xD7, 0x19, 0x1C, 255)
        assert file.tags(1) == {"CLASS_0": "background", "CLASS_1": "flood", "CLASS_2": "permanent water"}
        smaller = file.read(1, out_shape=(350, 550))
        assert set(np.unique(smaller)) <= {0, 1, 2, NODATA_CLASS}
    with rasterio.open(score_path) as file:
        np.testing.assert_array_equal(file.read(1), pixels[1])
        np.testing.assert_array_equal(file.dataset_mask() > 0, pixels[0] != NODATA_CLASS)
        assert file.nodata is None
        assert file.scales == (1 / 255,)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    height=st.integers(1, 90),
    width=st.integers(1, 70),
    cuts=st.lists(st.integers(1, 89), max_size=6),
    seed=st.integers(0, 99),
)
def test_strip_heights_do_not_matter(
    height: int,
    width: int,
    cuts: list[int],
    seed: int,
    tmp_path_factory: pytest.TempPathFactory,
    classes: tuple[ClassSpec, ...],
    record: RunRecord,
) -> None:
    # Blocks as small as the format has, so that small maps cross several.
    pixels = scene((height, width), seed)
    folder = tmp_path_factory.mktemp("cog")
    paths = folder / "classes.tif", folder / "scores.tif"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cog_module, "BLOCK", 16)
        grid = grid_of(pixels[0].shape, None)
        with (
            together(*paths) as beside,
            open_raster(*paths, grid=grid, classes=classes, beside=beside) as sink,
        ):
            for strip in strips(pixels, [cut for cut in cuts if cut < height]):
                sink.write(strip)
            sink.finish(record)
    for path, expected in zip(paths, pixels, strict=True):
        with rasterio.open(path) as file:
            np.testing.assert_array_equal(file.read(1), expected)


def test_burnt_polygons_set_their_pixels_in_order(
    tmp_path: Path,
    classes: tuple[ClassSpec, ...],
    crs: CRS,
    record: RunRecord,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cog_module, "_EDIT_PIXELS", 1)  # one row of blocks at a time
    pixels = scene((600, 300))
    ring = shapely.box(10, 200, 100, 520).difference(shapely.box(20, 250, 90, 400))
    later = shapely.box(50, 500, 60, 530)
    path = tmp_path / "classes.tif"
    grid = grid_of((600, 300), crs)
    with (
        together(path) as beside,
        open_raster(path, None, grid=grid, classes=classes, beside=beside) as sink,
    ):
        for strip in strips(pixels, [100, 500]):
            sink.write(strip)
        edits = [(np.array([ring], object), np.array([2])), (np.array([later], object), np.array([0]))]
        sink.burn(lambda row, stop: edits if row < 530 and stop > 200 else [])
        sink.finish(record)
    expected = pixels[0].copy()
    hole = expected[250:400, 20:90].copy()
    expected[200:520, 10:100] = 2
    expected[250:400, 20:90] = hole
    expected[500:530, 50:60] = 0
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(1), expected)


def test_a_run_that_stops_leaves_the_old_raster(
    tmp_path: Path, classes: tuple[ClassSpec, ...], crs: CRS, record: RunRecord
) -> None:
    pixels, path, other = scene((40, 30)), tmp_path / "classes.tif", tmp_path / "s.tif"
    path.write_bytes(b"the old raster")
    grid = grid_of((40, 30), crs)

    def run(*given: Strip, stop: bool = False) -> None:
        with (
            together(path, other, overwrite=True) as beside,
            open_raster(path, other, grid=grid, classes=classes, beside=beside) as sink,
        ):
            for strip in given:
                sink.write(strip)
            if stop:
                raise KeyboardInterrupt
            sink.finish(record)

    first, second = strips(pixels, [20])
    with pytest.raises(KeyboardInterrupt):
        run(first, stop=True)
    with pytest.raises(OutputError, match="only 20 of 40 rows"):
        run(first)
    with pytest.raises(OutputError, match="does not fit at row 0"):
        run(second, first)
    assert [item.name for item in tmp_path.iterdir()] == ["classes.tif"]
    assert path.read_bytes() == b"the old raster"


def test_statistics_of_the_replaced_raster_go_with_it(
    tmp_path: Path, classes: tuple[ClassSpec, ...], crs: CRS, record: RunRecord
) -> None:
    path, pixels = tmp_path / "classes.tif", scene((40, 30))
    path.touch()
    path.with_name("classes.tif.aux.xml").write_text("<PAMDataset/>")
    grid = grid_of((40, 30), crs)
    with (
        together(path, overwrite=True) as beside,
        open_raster(path, None, grid=grid, classes=classes, beside=beside, threads=1) as sink,
    ):
        sink.write(strips(pixels, [])[0])
        sink.finish(record)
    assert [item.name for item in tmp_path.iterdir()] == ["classes.tif"]


@pytest.mark.skipif(sys.platform != "linux", reason="page faults differ by system")
def test_overviews_on_several_threads_reuse_their_memory(tmp_path: Path, record: RunRecord) -> None:
    """Under the allocator's settings of maps, GDAL's default takes 50,000 new pages for 2048² pixels."""
    script = """
import resource, sys
from pathlib import Path
import numpy as np
import rasterio
from geoseg.cli.memory import return_freed_memory
from geoseg.files.output_files import OutputFiles
from geoseg.grid import Grid
from geoseg.outputs import open_raster
from geoseg.pixels import Strip
from geoseg.run_record import RunRecord
from geoseg.spec import ClassSpec

path, record = Path(sys.argv[1]), RunRecord.model_validate_json(sys.stdin.read())
grid = Grid(crs=None, transform=rasterio.Affine.identity(), height=2048, width=2048)
pixels = np.random.default_rng(0).integers(0, 3, (2048, 2048)).astype(np.uint8)
specs = [ClassSpec(value=value, label=str(value), colour="#123456") for value in range(3)]
return_freed_memory()
with OutputFiles([path], overwrite=False) as beside:
    with open_raster(path, None, grid=grid, classes=specs, beside=beside, threads=2) as sink:
        sink.write(Strip(row=0, classes=pixels, scores=pixels))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        sink.finish(record)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    beside.commit()
"""
    command = [sys.executable, "-c", script, str(tmp_path / "map.tif")]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, input=record.model_dump_json()
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 20_000


@pytest.mark.parametrize("kibibytes", [64, 600, 1000])
def test_a_full_disk_is_told_and_left_clean(
    kibibytes: int, tmp_path: Path, classes: tuple[ClassSpec, ...], crs: CRS, record: RunRecord
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    size = f"size={kibibytes}k"
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", disk], check=False, capture_output=True
    )
    if mount.returncode:
        pytest.skip("only root of a whole machine can mount a small disk")
    pixels = scene((900, 900))
    grid, paths = grid_of((900, 900), crs), (disk / "c.tif", disk / "s.tif")

    def run() -> None:
        with (
            together(*paths, overwrite=True) as beside,
            open_raster(*paths, grid=grid, classes=classes, beside=beside) as sink,
        ):
            for strip in strips(pixels, range(0, 900, 100)):
                sink.write(strip)
            sink.finish(record)

    try:
        with pytest.raises(OutputError, match="full"):
            run()
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", disk], check=True)
