"""What a run has opened, by whatever name, is known where it writes."""

from __future__ import annotations

import os
import threading
import zipfile
from pathlib import Path

import pytest

from geoseg.files.inputs import Inputs, local_files, not_an_input, opened, reading_inputs


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file, an archive and two stores; it is the current one."""
    (tmp_path / "a.tif").write_bytes(b"a")
    (tmp_path / "a.nc").write_bytes(b"n")
    (tmp_path / "a,b:c?.nc").write_bytes(b"n")
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("inner/a.tif", b"a")
    (tmp_path / "cube.zarr").mkdir()
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "zarr.json").write_text("{}")
    (tmp_path / "plain").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.tif", "a.tif"),
        ("{}/a.tif", "a.tif"),
        ("file://{}/a.tif", "a.tif"),
        ("vrt://{}/a.tif?bands=1,1", "a.tif"),
        ("GTIFF_DIR:2:{}/a.tif", "a.tif"),
        ('NETCDF:"{}/a.nc":ndvi', "a.nc"),
        ("NETCDF:a.nc:ndvi", "a.nc"),
        ('NETCDF:"{}/a,b:c?.nc":ndvi', "a,b:c?.nc"),
        ("NETCDF:{}/a,b:c?.nc:ndvi", "a,b:c?.nc"),
        ("GTIFF_DIR:1:a,b:c?.nc", "a,b:c?.nc"),
        ('HDF5:"{}/a.nc"://group/set', "a.nc"),
        ("SENTINEL2_L2A:{}/a.nc:10m:EPSG_32633", "a.nc"),
        ("/vsizip/{}/z.zip/inner/a.tif", "z.zip"),
        ("/vsizip/{{{}/z.zip}}/inner/a.tif", "z.zip"),
        ("/vsizip/z.zip", "z.zip"),
        ("/vsisubfile/100_200,{}/a.tif", "a.tif"),
        ("/vsigzip//vsizip/{}/z.zip/inner/a.tif.gz", "z.zip"),
        ('NETCDF:"/vsizip/{}/z.zip/a.nc":ndvi', "z.zip"),
        ('ZARR:"{}/cube.zarr":/ndvi', "cube.zarr"),
        ("https://example.org/a.tif", None),
        ("/vsicurl/https://example.org/a.tif", None),
        ("s3://bucket/a.tif", None),
        ("/vsis3/bucket/a.tif", None),
        ("/vsimem/a.tif", None),
        ("nothing.tif", None),
        ("", None),
        ("a\0.tif", None),
        ("x" * 5000, None),
        # The group of an HDF5 file is no folder of this machine.
        ('HDF5:"{}/a.nc"://tmp', "a.nc"),
    ],
)
def test_files_behind_a_name(name: str, found: str | None, place: Path) -> None:
    text = name.format(place) if "{" in name else name
    assert local_files(text) == ([] if found is None else [str(place / found)])


def test_an_input_is_known_by_every_name(place: Path) -> None:
    os.link("a.tif", "hard.tif")
    Path("soft.tif").symlink_to("a.tif")
    Path("folder").symlink_to(place)
    Path("other.tif").write_bytes(b"a")
    Path("dead.tif").symlink_to("nowhere.tif")
    with reading_inputs():
        opened("soft.tif")
        for name in ("a.tif", "hard.tif", "soft.tif", "folder/hard.tif", "./plain/../a.tif"):
            assert Inputs().at(Path(name)) is not None, name
        for name in ("other.tif", "new.tif", "dead.tif", "plain/new.tif", "a.tif/new.tif"):
            assert Inputs().at(Path(name)) is None, name
        not_an_input("soft.tif")
        assert Inputs().at(Path("a.tif")) is None


@pytest.mark.parametrize("store", ["cube.zarr", "store"])
def test_what_lies_in_a_store_is_part_of_it(store: str, place: Path) -> None:
    with reading_inputs():
        opened(store)
        opened(place)
        assert Inputs().at(Path(store) / "new.tif") is not None
        assert Inputs().at(Path("plain/new.tif")) is None, "a folder of files is not opened as a whole"


def test_runs_know_their_own_inputs_and_those_around_them(place: Path) -> None:
    seen: list[Path | None] = []
    opened("a.tif")  # outside of a run nothing is kept
    with reading_inputs():
        assert Inputs().at(Path("a.tif")) is None
        opened("a.tif")
        with reading_inputs():
            assert Inputs().at(Path("a.tif")) is not None
            opened("z.zip")
        assert Inputs().at(Path("z.zip")) is None
        other = threading.Thread(target=lambda: seen.append(Inputs().at(Path("a.tif"))))
        other.start()
        other.join()
    assert seen == [None]
    assert Inputs(["a.tif"]).at(Path("a.tif")) is not None
