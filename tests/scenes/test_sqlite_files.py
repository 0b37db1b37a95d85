"""Reading a GeoPackage writes nothing beside it."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import rasterio.shutil
import shapely

from geoseg.errors import SceneError, SceneReadError
from geoseg.outputs.record import read_record
from geoseg.scenes.datasets import open_dataset
from geoseg.scenes.plain_files import describe_files
from geoseg.scenes.polygon_files import read_polygons
from tests.products.ground import write_raster

LONG_AGO = 10**15


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """A folder with a GeoPackage of many pages; the folder's time shows whether files come and go."""
    path = tmp_path / "in" / "a.gpkg"
    path.parent.mkdir()
    boxes = [shapely.box(5e5 + n, 5e6, 5e5 + n + 9, 5e6 + 9) for n in range(300)]
    geopandas.GeoDataFrame({"a": ["x" * 500] * 300}, geometry=boxes, crs="EPSG:32633").to_file(path)
    return path


def _journal_mode(path: Path, mode: str) -> None:
    base = sqlite3.connect(path)
    base.execute(f"PRAGMA journal_mode = {mode}")
    base.close()
    os.utime(path.parent, ns=(LONG_AGO, LONG_AGO))


def _untouched(folder: Path) -> bool:
    return folder.stat().st_mtime_ns == LONG_AGO


def test_a_vector_file_in_the_mode_of_a_log(layer: Path) -> None:
    """SQLite makes a log and an index of it to read such a file, and removes both."""
    _journal_mode(layer, "WAL")
    assert len(read_polygons(layer)[0]) > 0
    assert read_record(layer) is None
    assert describe_files([str(layer)], SceneError("not a scene"))
    assert _untouched(layer.parent)


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
@pytest.mark.parametrize("statistics", [True, False])
def test_a_raster(tmp_path: Path, mode: str, statistics: bool) -> None:
    """GDAL writes the statistics in a raster beside it when it closes the file."""
    source = write_raster(tmp_path / "source.tif", np.arange(100, dtype=np.uint8).reshape(10, 10))
    with rasterio.open(source, "r+") as file:
        if statistics:
            file.update_tags(1, STATISTICS_MEAN="49.5", STATISTICS_MINIMUM="0", STATISTICS_MAXIMUM="99")
    path = tmp_path / "in" / "a.gpkg"
    path.parent.mkdir()
    rasterio.shutil.copy(source, path, driver="GPKG")
    path.with_name("a.gpkg.aux.xml").unlink(missing_ok=True)
    _journal_mode(path, mode)
    for _ in range(2):
        with open_dataset(str(path)) as file:
            assert file.read(1)[0, :3].tolist() == [0, 1, 2]
    assert _untouched(path.parent)
    assert [item.name for item in path.parent.iterdir()] == ["a.gpkg"]


def test_a_raster_beside_a_damaged_log(layer: Path) -> None:
    Path(f"{layer}-wal").write_bytes(b"\x37\x7f\x06\x82" + b"\1" * 5000)
    before = {item.name: item.read_bytes() for item in layer.parent.iterdir()}
    with pytest.raises((SceneReadError, rasterio.errors.RasterioError)):
        open_dataset(str(layer)).close()
    assert {item.name: item.read_bytes() for item in layer.parent.iterdir()} == before


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on Windows")
def test_a_file_whose_program_was_killed_while_it_wrote(layer: Path) -> None:
    """Without its journal, half of a change would be read."""
    program = f"""
import os, signal, sqlite3
base = sqlite3.connect({str(layer)!r}, isolation_level=None)
for name in ("ST_IsEmpty", "ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY"):
    base.create_function(name, 1, lambda _: 0)
base.execute("PRAGMA cache_size = 5")
base.execute("BEGIN")
base.execute("UPDATE a SET a = 'y' || a")
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", program], check=False)
    assert Path(f"{layer}-journal").stat().st_size > 0
    before = {item.name: item.read_bytes() for item in layer.parent.iterdir()}
    with pytest.raises(SceneReadError, match=r"is being written.*a.gpkg-journal"):
        read_polygons(layer)
    assert {item.name: item.read_bytes() for item in layer.parent.iterdir()} == before


def test_a_vrt_that_names_a_file_with_a_log(layer: Path, tmp_path: Path) -> None:
    _journal_mode(layer, "WAL")
    vrt = tmp_path / "a.vrt"
    source = f"<SrcDataSource>{layer}</SrcDataSource>"
    vrt.write_text(f"<OGRVRTDataSource><OGRVRTLayer name='a'>{source}</OGRVRTLayer></OGRVRTDataSource>")
    with pytest.raises(SceneReadError, match="write-ahead log"):
        read_polygons(vrt)
    assert _untouched(layer.parent)
    shutil.rmtree(layer.parent)
