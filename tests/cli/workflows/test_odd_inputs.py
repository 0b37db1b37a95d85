"""Inputs and paths that cannot be used: the exit code that is documented, and at most two lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.products import netcdf
from tests.products.ground import lake, write_raster

Geoseg = Callable[..., tuple[str, str]]

LONG = "x" * 300
DEEP = "/".join(["d" * 200] * 25)
TRIANGLE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [0, 1], [0, 0]]]}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with odd files; it is the current one."""
    write_raster(tmp_path / "classes.tif", lake(40).astype(np.uint8))
    bands = {name: np.full((40, 40), 3, np.uint8) for name in ("green", "nir")}
    netcdf.write_variables(tmp_path / "two.nc", bands)
    (tmp_path / "two.h5").write_bytes((tmp_path / "two.nc").read_bytes())
    texts = {
        "list.json": "[]", "number.json": "3", "deep.json": "[" * 100_000, "deep.geojson": "[" * 100_000,
        "list.geojson": "[1]", "deep.yaml": "[" * 5000, "list.yaml": "- a\n", "open.geojson": json.dumps(
            {**TRIANGLE, "coordinates": [[[0, 0], [1, 0], [0, 1]]]}
        ),
    }  # fmt: skip
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "latin.yaml").write_bytes(b"title: \xe9\n")
    (tmp_path / "loop.tif").symlink_to("loop.tif")
    monkeypatch.chdir(tmp_path)
    return tmp_path


FLOOD = ("flood", "classes.tif", "-o", "map.gpkg", "--band", "vv=classes.tif", "--sar-units", "power")

CASES: dict[str, tuple[int, Sequence[str]]] = {
    "HDF5 with subdatasets": (3, ("vectorize", "two.h5", "-o", "map.gpkg")),
    "netCDF with subdatasets": (3, ("vectorize", "two.nc", "-o", "map.gpkg")),
    "layer with subdatasets": (3, ("evaluate", "sample", "two.h5", "-n", "5", "-o", "p.gpkg")),
    "list as an item": (3, ("flood", "list.json", "-o", "map.gpkg")),
    "number as an item": (3, ("flood", "number.json", "-o", "map.gpkg")),
    "deep list as an item": (3, ("flood", "deep.json", "-o", "map.gpkg")),
    "information of a list": (3, ("info", "list.json")),
    "information of a deep list": (3, ("info", "deep.json")),
    "list as a model": (4, ("segment", "classes.tif", "-o", "map.gpkg", "--model", "list.json")),
    "deep list as a model": (4, ("models", "show", "deep.json")),
    "list as an area": (
        3,
        (*FLOOD, "--aoi", "list.geojson"),
    ),
    "open ring as an area": (
        3,
        (*FLOOD, "--aoi", "open.geojson"),
    ),
    "deep area": (3, (*FLOOD, "--aoi", "deep.geojson")),
    "deep options": (3, ("flood", "classes.tif", "-o", "map.gpkg", "--config", "deep.yaml")),
    "list of options": (2, ("flood", "classes.tif", "-o", "map.gpkg", "--config", "list.yaml")),
    "options in another encoding": (2, ("flood", "classes.tif", "-o", "map.gpkg", "--config", "latin.yaml")),
    "deep config": (3, ("train", "deep.yaml", "-o", "run", "--dry-run")),
    "long name": (3, ("vectorize", f"{LONG}.tif", "-o", "map.gpkg")),
    "long path": (3, ("flood", f"{DEEP}/a.tif", "-o", "map.gpkg")),
    "long name of a model": (4, ("models", "show", LONG)),
    "information of a long name": (3, ("info", f"{LONG}.tif")),
    "link to itself": (3, ("vectorize", "loop.tif", "-o", "map.gpkg")),
    "unreadable file": (3, ("flood", "/proc/self/mem", "-o", "map.gpkg")),
    "long name of an output": (6, ("vectorize", "classes.tif", "-o", f"{LONG}.gpkg")),
    "long path of an output": (6, ("vectorize", "classes.tif", "-o", f"{DEEP}/a.gpkg")),
    "output in a file": (6, ("vectorize", "classes.tif", "-o", "classes.tif/map.gpkg")),
    "output whose name is no text": (6, ("vectorize", "classes.tif", "-o", "\udcff.gpkg")),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("kind", CASES)
def test_code_and_two_lines(kind: str, place: Path, geoseg: Geoseg) -> None:
    code, words = CASES[kind]
    before = {path.name for path in place.iterdir()}
    _, err = geoseg(*words, code=code)
    told = [line for line in err.splitlines() if not line.startswith(("note: ", "warning: "))]
    assert told[0].startswith("error: ")
    assert len(told) <= 2
    assert {path.name for path in place.iterdir()} == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_files_and_folders_without_permission(place: Path, geoseg: Geoseg) -> None:
    (place / "closed").mkdir(mode=0o500)
    geoseg("vectorize", "classes.tif", "-o", "closed/map.gpkg", code=6)
    (place / "classes.tif").chmod(0)
    geoseg("vectorize", "classes.tif", "-o", "map.gpkg", code=3)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no folder that even root may not write")
def test_folder_in_which_nobody_may_write(place: Path, geoseg: Geoseg) -> None:
    geoseg("vectorize", "classes.tif", "-o", "/proc/map.gpkg", code=6)


def test_classes_that_are_not_named_keep_their_names(place: Path, geoseg: Geoseg) -> None:
    out, _ = geoseg(
        "vectorize", "classes.tif", "-o", "map.gpkg", "--class", "1=meadow", "--class", "9=none", "--json"
    )
    found = {item["value"]: (item["label"], item["polygons"] > 0) for item in json.loads(out)["classes"]}
    assert found == {1: ("meadow", True), 2: ("class 2", True), 9: ("none", False)}


def test_libraries_do_not_print(place: Path) -> None:
    """GDAL prints a warning of a damaged TIFF by itself, besides the error that it reports."""
    content = bytearray((place / "classes.tif").read_bytes())
    (place / "classes.tif").write_bytes(content[: len(content) // 2])
    command = [sys.executable, "-m", "geoseg", "vectorize", "classes.tif", "-o", "map.gpkg"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) <= 2
    assert done.stderr.startswith("error: ")
