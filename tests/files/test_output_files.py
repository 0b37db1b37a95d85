"""Outputs that cannot be written, and what is left of them."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from unittest.mock import patch

import pytest
from pyproj import CRS

from geoseg.errors import OutputError
from geoseg.features import Features
from geoseg.files.output_files import OutputFiles, write_together
from geoseg.outputs import Layer, check_writable, companions, open_layers, write_report
from geoseg.outputs.layer import Kind
from geoseg.run_record import RunRecord
from geoseg.spec import ClassSpec
from tests.disks import small_disk
from tests.together import refused, together


def test_a_free_place_is_writable_and_stays_empty(tmp_path: Path) -> None:
    check_writable([tmp_path / "a.gpkg", tmp_path / "b.tif"], overwrite=False)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_told_before_the_run(tmp_path: Path) -> None:
    there = tmp_path / "there.gpkg"
    there.touch()
    new = tmp_path / "new.gpkg"
    (tmp_path / "link").symlink_to(tmp_path)
    same = tmp_path / "link" / "new.gpkg"
    for paths, overwrite, inputs, message in [
        ([there], False, [], "add `--overwrite`"),
        ([tmp_path / "no" / "a.gpkg"], False, [], "does not exist"),
        ([there / "a.gpkg"], False, [], "is a file, not a folder"),
        ([tmp_path], True, [], "is a folder"),
        ([new, same], False, [], "two outputs"),
        ([there], True, [tmp_path / "link" / "there.gpkg"], "is an input"),
    ]:
        with pytest.raises(OutputError, match=message) as caught:
            check_writable(paths, overwrite, inputs=inputs)
        assert caught.value.exit_code == 6
    check_writable([there], overwrite=True)


def test_read_only_folders_are_told(tmp_path: Path) -> None:
    closed = Path("/proc/self")
    if os.geteuid() != 0:
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o555)
    elif not closed.is_dir():
        pytest.skip("root may write everywhere here: no /proc")
    with pytest.raises(OutputError, match="write elsewhere"):
        check_writable([closed / "a.gpkg"], overwrite=False)
    with (
        pytest.raises(OutputError, match="write elsewhere"),
        OutputFiles([closed / "a.gpkg"], overwrite=False),
    ):
        pytest.fail("entered")


def test_all_targets_are_committed_or_none(tmp_path: Path) -> None:
    one, two = tmp_path / "one.txt", tmp_path / "sub" / "two.txt"
    two.parent.mkdir()
    with OutputFiles([one, two], overwrite=False) as beside:
        beside.path(one).write_text("1")
        with pytest.raises(OutputError, match=r"two\.txt"):
            beside.commit()
        assert not one.exists()
        beside.path(two).write_text("2")
        beside.commit()
    assert one.read_text() + two.read_text() == "12"
    assert sorted(item.name for item in tmp_path.rglob("*")) == ["one.txt", "sub", "two.txt"]


def names(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir())


@pytest.mark.parametrize("error", [OSError(errno.EIO, "broken"), KeyboardInterrupt()], ids=type)
@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("links", [False, True])
@pytest.mark.parametrize("refusing", ["map.gpkg", "map.tif", "map.png"])
def test_places_are_as_they_were_where_one_is_refused(
    refusing: str,
    links: bool,
    moved: bool,
    error: BaseException,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_link(*_: Path) -> None:
        raise OSError(errno.EPERM, "no links here")

    if not links:
        monkeypatch.setattr(os, "link", no_link)
    targets = [tmp_path / name for name in ("map.gpkg", "map.tif", "map.png")]
    old = {"map.gpkg": "old map", "map.gpkg-wal": "its log", "map.tif": "old raster"}
    for name, text in old.items():
        (tmp_path / name).write_text(text)

    def run() -> None:
        with together(*targets, overwrite=True) as beside:
            for target in targets:
                beside.path(target).write_text("new")

    expected = OutputError if isinstance(error, OSError) else KeyboardInterrupt
    with refused(tmp_path / refusing, error, moved=moved), pytest.raises(expected):
        run()
    assert {name: (tmp_path / name).read_text() for name in names(tmp_path)} == old
    run()
    assert names(tmp_path) == ["map.gpkg", "map.png", "map.tif"]
    assert {target.read_text() for target in targets} == {"new"}


def test_the_map_comes_last(tmp_path: Path) -> None:
    targets = [tmp_path / name for name in ("map.gpkg", "map.tif", "map.png")]
    seen = []
    replace = os.replace

    def watched(source: Path, target: Path) -> None:
        replace(source, target)
        seen.append(target.name)

    with patch("os.replace", watched), together(*targets) as beside:
        for target in targets:
            beside.path(target).write_text("new")
    assert seen[-1] == "map.gpkg"
    assert sorted(seen) == names(tmp_path)


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with OutputFiles([path], overwrite=False) as beside:
        beside.path(path).write_text("ours")
        path.write_text("theirs")
        with pytest.raises(OutputError, match="exists"):
            beside.commit()
    assert path.read_text() == "theirs"


def test_behind_a_link_the_file_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    real, link = tmp_path / "disk" / "real.txt", tmp_path / "link.txt"
    real.parent.mkdir()
    real.write_text("old")
    link.symlink_to(real)
    with OutputFiles([link], overwrite=True) as beside:
        beside.path(link).write_text("new")
        beside.commit()
    assert link.is_symlink()
    assert real.read_text() == "new"


def test_files_have_the_usual_permissions(tmp_path: Path) -> None:
    path, usual = tmp_path / "a.txt", tmp_path / "usual.txt"
    usual.touch()
    with OutputFiles([path], overwrite=False) as beside:
        beside.path(path).touch()
        beside.commit()
    assert path.stat().st_mode == usual.stat().st_mode


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    with small_disk(tmp_path / "disk", 256) as folder:
        yield folder


def test_a_report_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "report"
    assert write_report(folder, {"a.txt": "1", "b.txt": "2"}) == (folder / "a.txt", folder / "b.txt")
    (folder / "b.txt").unlink()
    (folder / "b.txt").mkdir()
    with pytest.raises(OutputError, match=r"b\.txt"):
        write_report(folder, {"a.txt": "3", "b.txt": "4"})
    assert (folder / "a.txt").read_text() == "1"
    for place in (folder / "a.txt", folder / ("x" * 300)):
        with pytest.raises(OutputError):
            write_report(place, {"c.txt": "5"})


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_an_output_is_no_sidecar_of_another(tmp_path: Path, order: slice) -> None:
    texts = {tmp_path / "model.onnx": "1", tmp_path / "model.onnx.ovr": "2"}
    (tmp_path / "model.onnx.msk").write_text("old")
    write_together(dict([*texts.items()][order]), overwrite=False)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "model.onnx": "1",
        "model.onnx.ovr": "2",
    }


def test_texts_and_finished_files_appear_together(tmp_path: Path) -> None:
    made, folder = tmp_path / "scratch" / "map.tif", tmp_path / "new" / "maps"
    made.parent.mkdir()
    made.write_bytes(b"1")
    texts, finished = {tmp_path / "new" / "page.html": "2"}, {folder / "0" / "map.tif": made}
    (tmp_path / "blocked").write_text("")
    refused = {tmp_path / "blocked" / "map.tif": made}
    with pytest.raises(OutputError, match="blocked"):
        write_together(texts, finished=refused, overwrite=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blocked", "scratch"]
    assert write_together(texts, finished=finished, overwrite=False) == (*texts, *finished)
    assert (folder / "0" / "map.tif").read_bytes() == b"1"
    assert not made.exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_report_that_is_refused_leaves_no_folder(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    for folder in (tmp_path / "new" / "\udcff", tmp_path / "kept" / "\udcff"):
        with pytest.raises(OutputError, match="not valid UTF-8"):
            write_report(folder, {"a.txt": "1"})
    assert [path.name for path in tmp_path.rglob("*")] == ["kept"]


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".parquet", ".geojson"])
def test_a_full_disk_is_told_and_left_clean(
    suffix: str,
    disk: Path,
    classes: tuple[ClassSpec, ...],
    schema: Mapping[str, Kind],
    crs: CRS,
    make_features: Callable[[int], Features],
    footprint: Features,
    record: RunRecord,
) -> None:
    old = disk / f"map{suffix}"
    old.write_bytes(b"the old map")

    def run() -> None:
        with together(old, *companions(old), overwrite=True) as beside:
            sink = open_layers(
                old, [Layer(name="flood", schema=schema, classes=tuple(classes), crs=crs)], beside=beside
            )
            sink.write(make_features(3000))
            sink.finish(record, footprint)

    with pytest.raises(OutputError, match="free") as caught:
        run()
    assert caught.value.exit_code == 6
    assert [item.name for item in disk.iterdir()] == [old.name]
    assert old.read_bytes() == b"the old map"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes and sockets with names are not on Windows")
@pytest.mark.parametrize("linked", [False, True], ids=["itself", "behind a link"])
@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
def test_what_is_no_file_is_never_replaced(
    kind: str, linked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root, a file in the place of a device such as /dev/null breaks every program of the machine."""
    monkeypatch.chdir(tmp_path)
    place = Path("place")
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as open_socket:
            open_socket.bind(str(place))
    else:
        try:
            os.mknod(place, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("only root makes devices")
    before = place.stat()
    target = Path("map.gpkg")
    target.symlink_to(place) if linked else place.rename(target)
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="no file but a pipe, socket or device"):
            check_writable([target], overwrite)
    assert (target.stat().st_ino, target.stat().st_mode) == (before.st_ino, before.st_mode)


def test_a_link_that_leads_to_itself_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "map.gpkg"
    target.symlink_to("map.gpkg")
    with pytest.raises(OutputError, match="leads to itself"):
        check_writable([target], overwrite=True)
