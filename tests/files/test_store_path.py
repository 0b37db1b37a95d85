"""Paths of objects in stores."""

from __future__ import annotations

import pickle
import tempfile
from pathlib import Path

import pytest

from geoseg.files.store_path import StorePath, folder_beside, path_of


@pytest.mark.parametrize(
    ("text", "address", "gdal"),
    [
        ("s3://bucket/maps/a.gpkg", "s3://bucket/maps/a.gpkg", "/vsis3/bucket/maps/a.gpkg"),
        ("S3://bucket/a.gpkg", "s3://bucket/a.gpkg", "/vsis3/bucket/a.gpkg"),
        ("gs://bucket/a.gpkg", "gs://bucket/a.gpkg", "/vsigs/bucket/a.gpkg"),
        ("az://box/a.gpkg", "az://box/a.gpkg", "/vsiaz/box/a.gpkg"),
        ("/vsis3/bucket/a.gpkg", "s3://bucket/a.gpkg", "/vsis3/bucket/a.gpkg"),
        ("/vsiaz/box/a.gpkg", "az://box/a.gpkg", "/vsiaz/box/a.gpkg"),
        # As pathlib writes an address, which is what a command line hands over.
        (str(Path("s3://bucket/maps/a.gpkg")), "s3://bucket/maps/a.gpkg", "/vsis3/bucket/maps/a.gpkg"),
    ],
)
def test_addresses(text: str, address: str, gdal: str) -> None:
    path = path_of(text)
    assert isinstance(path, StorePath)
    assert str(path) == address
    assert path.gdal_path == gdal
    assert path_of(path) == path == path_of(Path(text))


@pytest.mark.parametrize("text", ["a.gpkg", "/tmp/s3/a.gpkg", "s3/a.gpkg", "https/a", "C:/a.gpkg", "x.s3:/a"])
def test_files_of_this_machine(text: str) -> None:
    assert type(path_of(text)) is type(Path(text))


def test_parts() -> None:
    path = path_of("s3://bucket/maps/a.b.gpkg")
    assert isinstance(path, StorePath)
    assert (path.bucket, path.key, path.name, path.suffix) == ("bucket", "maps/a.b.gpkg", "a.b.gpkg", ".gpkg")
    assert str(path.parent) == "s3://bucket/maps"
    assert str(path.with_suffix(".tif")) == "s3://bucket/maps/a.b.tif"
    assert str(path.parent / "c") == "s3://bucket/maps/c"
    assert str(path.resolve()) == str(path) == f"{path}"
    assert [str(item) for item in path.parents] == ["s3://bucket/maps", "s3://bucket", "s3://", ""]
    again = pickle.loads(pickle.dumps(path))
    assert again == path
    assert hash(again) == hash(path)
    assert str(again) == str(path)


@pytest.mark.parametrize("text", ["s3://bucket", "s3://bucket/", "s3://", "gs:///"])
def test_a_bucket_is_a_folder(text: str) -> None:
    assert path_of(text).is_dir()


def test_scratch_files_of_an_object_are_on_this_machine(tmp_path: Path) -> None:
    assert folder_beside(path_of("s3://bucket/a.gpkg")) == Path(tempfile.gettempdir())
    assert folder_beside(tmp_path / "a.gpkg") == tmp_path


def test_it_is_not_a_file_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that takes it for one fails, and makes no folder `s3:`."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match="No such file"):
        path_of("s3://bucket/a.gpkg").write_text("x")
    assert not list(tmp_path.iterdir())
