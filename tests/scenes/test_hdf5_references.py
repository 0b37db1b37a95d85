"""HDF5 files that take values from other files are refused, others are not."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from geoseg.errors import SceneReadError
from geoseg.scenes import hdf5_references
from geoseg.scenes.datasets import open_dataset
from geoseg.scenes.hdf5_references import check_hdf5
from tests.products.server import serving

VALUES = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
Make = Callable[[h5py.File, Path], None]

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def storage(file: h5py.File, folder: Path) -> None:
    (folder / "secret.bin").write_bytes(VALUES.tobytes())
    file.create_dataset("green", (64, 64), "u1", external=[(str(folder / "secret.bin"), 0, 64 * 64)])


def link(file: h5py.File, folder: Path) -> None:
    with h5py.File(folder / "other.h5", "w") as other:
        other["d"] = VALUES
    file["green"] = h5py.ExternalLink("other.h5", "/d")


def many_links(file: h5py.File, folder: Path) -> None:
    """So many that they stand in a heap."""
    for number in range(40):
        file[f"link{number}"] = h5py.ExternalLink(str(folder / "other.h5"), "/d")


def link_in_a_group(file: h5py.File, folder: Path) -> None:
    link(file.create_group("a/b", track_order=True), folder)


def virtual(file: h5py.File, folder: Path) -> None:
    with h5py.File(folder / "other.h5", "w") as other:
        other["d"] = VALUES
    layout = h5py.VirtualLayout((64, 64), "u1")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "d", (64, 64))
    file.create_virtual_dataset("green", layout)


def whole(file: h5py.File, folder: Path) -> None:
    """What a product has: groups, chunks, filters, soft and hard links, attributes, numbers like messages."""
    file["green"] = VALUES
    file["ones"] = np.ones((200, 200), np.int32)
    file["mixed"] = np.random.default_rng(0).integers(0, 70, 40_000).astype(np.uint16)
    file.create_dataset("packed", data=VALUES, chunks=(16, 16), compression="gzip")
    for number in range(40):
        file[f"a/b/soft{number}"] = h5py.SoftLink("/green")
        file[f"a/hard{number}"] = file["green"]
    file["text"] = ["see other.h5", "/d"]
    file.attrs["note"] = "other.h5"
    file["green"].attrs.create("of", file["ones"].ref, dtype=h5py.ref_dtype)


def written(path: Path, make: Make, **options: object) -> Path:
    with h5py.File(path, "w", **options) as file:
        make(file, path.parent)
    return path


REFERRING = (storage, link, many_links, link_in_a_group, virtual)
FORMATS = [{}, {"libver": "latest"}, {"userblock_size": 1024}]


@pytest.mark.parametrize("options", FORMATS, ids=str)
@pytest.mark.parametrize("make", REFERRING, ids=lambda make: make.__name__)
def test_values_of_other_files_are_refused(tmp_path: Path, make: Make, options: dict[str, object]) -> None:
    path = written(tmp_path / "scene.h5", make, **options)
    with pytest.raises(SceneReadError, match="does not follow"):
        open_dataset(f'HDF5:"{path}"://green')
    with pytest.raises(SceneReadError, match="does not follow"):
        open_dataset(str(path))


def test_a_heap_of_links_with_filters_is_refused(tmp_path: Path) -> None:
    """h5py sets no filters of groups, the library reads them: the header of the heap states their length."""
    path = written(tmp_path / "scene.h5", many_links, libver="latest")
    found = path.read_bytes()
    at = found.index(b"FRHP")
    assert found[at + 7 : at + 9] == b"\0\0"
    hidden = found.replace(b"other.h5", bytes(8))
    path.write_bytes(hidden[: at + 7] + b"\x10\0" + hidden[at + 9 :])
    with pytest.raises(SceneReadError, match="compressed group"):
        check_hdf5(path)


@pytest.mark.parametrize("options", FORMATS, ids=str)
def test_a_file_of_its_own_passes(tmp_path: Path, options: dict[str, object]) -> None:
    path = written(tmp_path / "scene.h5", whole, **options)
    check_hdf5(path)
    with open_dataset(f'HDF5:"{path}"://green') as file:
        assert np.array_equal(file.read(1), VALUES)


def test_names_are_found_where_chunks_of_the_search_meet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "scene.h5", link)
    for size in range(900, 1000):
        monkeypatch.setattr(hdf5_references, "_CHUNK", size)
        hdf5_references._found.cache_clear()
        with pytest.raises(SceneReadError):
            check_hdf5(path)


def test_a_vrt_does_not_hide_them(tmp_path: Path) -> None:
    written(tmp_path / "scene.h5", storage)
    (tmp_path / "a.vrt").write_text(
        '<VRTDataset rasterXSize="64" rasterYSize="64"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        f'<SourceFilename>HDF5:"{tmp_path}/scene.h5"://green</SourceFilename><SourceBand>1</SourceBand>'
        "</SimpleSource></VRTRasterBand></VRTDataset>"
    )
    with pytest.raises(SceneReadError, match="does not follow"):
        open_dataset(str(tmp_path / "a.vrt"))


def test_other_formats_pass(tmp_path: Path) -> None:
    for name, content in (("a.tif", b"II*\0"), ("empty", b""), ("b.nc", b"CDF\x01" + bytes(3000))):
        (tmp_path / name).write_bytes(content)
        check_hdf5(tmp_path / name)


@pytest.mark.parametrize("make", [storage, virtual], ids=lambda make: make.__name__)
def test_archives_do_not_hide_them(tmp_path: Path, make: Make) -> None:
    path = written(tmp_path / "scene.h5", make)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(path, "scene.h5")
    for name in (f"/vsizip/{tmp_path}/a.zip/scene.h5", f'HDF5:"/vsizip/{tmp_path}/a.zip/scene.h5"://green'):
        with pytest.raises(SceneReadError, match="does not follow"):
            open_dataset(name)


@pytest.mark.parametrize("make", [storage, virtual], ids=lambda make: make.__name__)
def test_addresses_do_not_hide_them(tmp_path: Path, make: Make) -> None:
    """A server could otherwise make a map of a file of this machine."""
    written(tmp_path / "scene.h5", make)
    with serving(tmp_path) as address:
        for name in (
            f"/vsicurl/http://{address}/scene.h5",
            f'HDF5:"/vsicurl/http://{address}/scene.h5"://green',
        ):
            with pytest.raises(SceneReadError, match="does not follow"):
                open_dataset(name)


def test_members_of_archives_are_read(tmp_path: Path) -> None:
    path = written(tmp_path / "scene.h5", whole)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(path, "scene.h5")
    at, content = 700, path.read_bytes()
    (tmp_path / "a.tar").write_bytes(bytes(at) + content)
    (tmp_path / "a.gz").write_bytes(gzip.compress(bytes(at) + content))
    for file in (
        f"/vsizip/{tmp_path}/a.zip/scene.h5",
        f"/vsisubfile/{at}_{len(content)},{tmp_path}/a.tar",
        f"/vsisubfile/{at}_{len(content)},/vsigzip/{tmp_path}/a.gz",
    ):
        with open_dataset(f'HDF5:"{file}"://green') as opened:
            assert np.array_equal(opened.read(1), VALUES)
