"""Streams that are closed or full, and two programs that write one output."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyogrio
import pytest

from tests.products.ground import lake, write_raster

GEOSEG = f"{sys.executable} -m geoseg"


def _shell(text: str, folder: Path) -> int:
    """Run a line of a shell in a folder; returns the exit code of geoseg in it."""
    return subprocess.run(
        ["bash", "-c", text], cwd=folder, capture_output=True, text=True, check=False
    ).returncode


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    write_raster(tmp_path / "classes.tif", lake(40).astype(np.uint8))
    return tmp_path


@pytest.mark.parametrize(
    ("streams", "codes"),
    [
        pytest.param("| cat > /dev/null; exit ${PIPESTATUS[0]}", {0}, id="stdout read to the end"),
        pytest.param("| true; exit ${PIPESTATUS[0]}", {0, 141}, id="stdout closed by its reader"),
        pytest.param(">&-", {0}, id="stdout closed"),
        pytest.param(">/dev/full", {6}, id="stdout full"),
        pytest.param("2>&-", {0}, id="stderr closed"),
        pytest.param(">&- 2>&-", {0}, id="both closed"),
        pytest.param("2>/dev/full", {0, 6}, id="stderr full"),
        pytest.param("<&-", {0}, id="stdin closed"),
    ],
)
def test_the_map_is_written_whatever_becomes_of_the_streams(
    classes: Path, streams: str, codes: set[int]
) -> None:
    code = _shell(f"{GEOSEG} vectorize classes.tif -o map.gpkg {streams}", classes)
    assert code in codes
    if code != 141:
        assert pyogrio.read_info(classes / "map.gpkg", layer="segments")["features"] > 0
    left = {path.name for path in classes.iterdir()} - {"classes.tif", "map.gpkg"}
    assert not left


@pytest.mark.parametrize("streams", [">&-", "2>&-", ">&- 2>&-", "2>/dev/full"])
def test_an_error_keeps_its_code(tmp_path: Path, streams: str) -> None:
    assert _shell(f"{GEOSEG} vectorize none.tif -o map.gpkg {streams}", tmp_path) == 3


def test_two_programs_write_one_output(classes: Path) -> None:
    command = [sys.executable, "-m", "geoseg", "vectorize", "classes.tif", "-o", "map.gpkg", "--overwrite"]
    both = [subprocess.Popen(command, cwd=classes, stderr=subprocess.DEVNULL) for _ in range(2)]
    codes = [program.wait(120) for program in both]
    assert 0 in codes
    assert set(codes) <= {0, 6}
    assert pyogrio.read_info(classes / "map.gpkg", layer="segments")["features"] > 0
    assert {path.name for path in classes.iterdir()} == {"classes.tif", "map.gpkg"}


def test_messages_of_a_library_that_are_warnings_of_python(tmp_path: Path) -> None:
    """pyogrio says as a warning what is wrong with the coordinates, and then raises an error."""
    (tmp_path / "map.fgb").write_text('{"type": "Polygon", "coordinates": [[[0]]]}')
    command = [sys.executable, "-m", "geoseg", "info", "map.fgb"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("error: map.fgb")
    assert len(done.stderr.splitlines()) == 1
