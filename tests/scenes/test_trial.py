"""Files on which a library may end the process are tried in another one first."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest

import geoseg
from geoseg.errors import SceneReadError
from geoseg.scenes import trial
from geoseg.scenes.trial import try_file
from tests.products.netcdf import write_variables


@pytest.fixture
def array(tmp_path: Path) -> Path:
    return write_variables(tmp_path / "a.nc", {"green": np.ones((20, 20), np.float32)})


def test_a_whole_file_passes(array: Path) -> None:
    try_file(str(array))
    try_file(f'NETCDF:"{array}":green')


def test_other_files_are_not_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    (tmp_path / "a.tif").write_bytes(b"II*\0")
    for name in (
        str(tmp_path / "a.tif"),
        str(tmp_path),
        str(tmp_path / "none.nc"),
        "/vsicurl/http://x/a.nc",
        "",
    ):
        try_file(name)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("import os; os.abort()", "crashes on it (SIGABRT)"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crashes on it (SIGSEGV)"),
        ("while True: pass", "does not finish"),
    ],
)
def test_a_library_that_crashes_or_loops_is_an_error_of_the_file(
    array: Path, monkeypatch: pytest.MonkeyPatch, program: str, words: str
) -> None:
    monkeypatch.setattr(trial, "_PROGRAM", program)
    monkeypatch.setattr(trial, "PATIENCE_S", 3)
    with pytest.raises(SceneReadError) as caught:
        try_file(str(array))
    assert words in str(caught.value)
    assert str(array) in str(caught.value)


def test_a_file_that_changed_is_tried_again(array: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try_file(str(array))
    monkeypatch.setattr(trial, "_PROGRAM", "import os; os.abort()")
    try_file(str(array))
    os.utime(array, ns=(1, 1))
    with pytest.raises(SceneReadError):
        try_file(str(array))


def deep(path: Path) -> Path:
    """Write arrays below 200 groups."""
    with h5py.File(path, "w") as file:
        group: h5py.Group = file
        for _ in range(200):
            group = group.create_group("g")
        for name in ("green", "nir"):
            group.create_dataset(name, data=np.zeros((60, 60), np.uint16))
    return path


def test_groups_nested_too_deeply_are_refused(tmp_path: Path) -> None:
    """The library needs seconds for each open of such a file."""
    with pytest.raises(SceneReadError, match=r"deep\.h5: its groups are nested deeper than 64"):
        try_file(str(deep(tmp_path / "deep.h5")))


def test_files_are_tried_where_sys_path_alone_names_the_packages(tmp_path: Path) -> None:
    """The other process, of a Python without these packages, would end before it opens the file."""
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    python = bare / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    root = str(Path(geoseg.__file__).parents[1])
    program = (
        f"import sys; sys.path[:0] = {[root, *sys.path]!r}; from geoseg.scenes.trial import try_file; "
        f"try_file({str(deep(tmp_path / 'deep.h5'))!r})"
    )
    done = subprocess.run([python, "-c", program], check=False, capture_output=True, text=True)
    assert "its groups are nested deeper than 64" in done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is limited on Linux only")
def test_a_group_that_holds_itself_does_not_take_the_memory_of_the_machine(
    array: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "_MOST_OPENED", 400 * 2**20)
    try_file(str(array))
    with h5py.File(array, "a") as file:
        group = file.create_group("group")
        group["again"] = group
    os.utime(array, ns=(1, 1))
    with pytest.raises(SceneReadError, match=r"without end|crashes"):
        try_file(str(array))


def test_a_file_is_tried_with_every_driver_that_opens_it(tmp_path: Path) -> None:
    """The driver of HDF5 crashes on a long name that the driver of netCDF, which comes first, leaves out."""
    path = tmp_path / "names.nc"
    with h5py.File(path, "w", track_order=True) as file:
        for name in ("green", "x" * 60_000):
            file.create_dataset(name, data=np.zeros((60, 60), np.uint16))
    with suppress(SceneReadError):
        try_file(str(path))
    program = "import sys, rasterio; rasterio.open(sys.argv[1], driver='HDF5')"
    ended = subprocess.run([sys.executable, "-c", program, path], check=False, capture_output=True).returncode
    if ended >= 0:
        pytest.skip("this version of the library does not crash on the file")
    with pytest.raises(SceneReadError, match="crashes"):
        try_file(str(path))
