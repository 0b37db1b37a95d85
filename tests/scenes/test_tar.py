"""Archives of others: small files that hold much are not unpacked."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from geoseg.errors import SceneReadError
from geoseg.files.network import TEXT_BYTES
from geoseg.scenes import tar
from geoseg.scenes.paths import fetch_text, is_archive, listing

LONG = TEXT_BYTES + 1


def _zip(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("MTD_MSIL1C.xml", b" " * LONG)
    return path


def _tar(path: Path) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as archive:
        member = tarfile.TarInfo("a_MTL.txt")
        member.size = LONG
        archive.addfile(member, io.BytesIO(b" " * LONG))
    return path


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
def test_a_long_text_in_an_archive(name: str, tmp_path: Path) -> None:
    path = (_zip if name == "a.zip" else _tar)(tmp_path / name)
    assert is_archive(path)
    files = listing(path)
    with pytest.raises(SceneReadError, match="the limit for such a file"):
        files.text(files.names[0])
    with pytest.raises(SceneReadError, match="the limit for such a file"):
        fetch_text(files.path(files.names[0]))


def test_a_long_text_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b" " * LONG)
    with pytest.raises(SceneReadError, match="the limit for such a file"):
        listing(tmp_path).text("a.txt")


def test_entities_of_xml(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')
    with pytest.raises(SceneReadError, match="entities"):
        fetch_text(str(tmp_path / "a.xml"))


def test_a_header_of_any_size(tmp_path: Path) -> None:
    """The list of extended attributes of a member is read into memory as a whole."""
    with gzip.open(tmp_path / "a.tar.gz", "wb") as file:
        header = tarfile.TarInfo("PaxHeader")
        header.type, header.size = tarfile.XHDTYPE, 10**10
        file.write(header.tobuf(tarfile.USTAR_FORMAT if header.size < 8**11 else tarfile.GNU_FORMAT))
        file.write(b"0" * 2**16)
    assert is_archive(tmp_path / "a.tar.gz")
    with pytest.raises(SceneReadError, match="a header of"):
        listing(tmp_path / "a.tar.gz")


def test_much_in_a_compressed_tar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar, "UNPACKED_BYTES", 2**20)
    path = _tar(tmp_path / "a.tar.gz")
    with pytest.raises(SceneReadError, match="unpacked"):
        listing(path)


def test_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar, "MEMBERS", 3)
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for number in range(5):
            archive.addfile(tarfile.TarInfo(f"{number}.tif"))
    with pytest.raises(SceneReadError, match="more than 3 members"):
        listing(tmp_path / "a.tar")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tars_of_every_compression_are_listed(mode: str, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a", mode) as archive:  # type: ignore[call-overload]
        member = tarfile.TarInfo("a.txt")
        member.size = 4
        archive.addfile(member, io.BytesIO(b"text"))
    assert is_archive(tmp_path / "a")
    files = listing(tmp_path / "a")
    assert files.names == ("a.txt",)
    assert files.text("a.txt") == "text"


@pytest.mark.parametrize(
    "content", [b"", b"\x1f\x8b", b"\x1f\x8b" + b"x" * 100, b"BZhx", b"x" * 2000, b"\xfd7zXZ\0x"]
)
def test_other_files_are_no_archives(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(content)
    assert not is_archive(tmp_path / "a")


@pytest.mark.parametrize("suffix", [".img", ".dat", ".bin", ".bil"])
def test_pixels_that_begin_with_zeros_are_no_archive(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"scene{suffix}"
    path.write_bytes(bytes(4096) + b"x" * 4096)
    assert not tar.is_tar(path)
