"""Temporary folders of killed runs: removed by the next run, and no other folder ever."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from geoseg.files.leftovers import MARKER, Marker, Owner, clear
from geoseg.files.output_files import OutputFiles
from geoseg.files.scratch import scratch_folder
from geoseg.messages import collected, collecting

RUN = """
import sys, time
from pathlib import Path
from geoseg.files.output_files import OutputFiles
from geoseg.files.scratch import scratch_folder
folder = Path(sys.argv[1])
with OutputFiles([folder / "a.txt"], overwrite=True) as files, scratch_folder(folder) as scratch:
    files.path(folder / "a.txt").write_text("half")
    (scratch / "data").write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""

pytestmark = pytest.mark.skipif(not Path("/proc/self/ns").is_dir(), reason="needs /proc")


@contextmanager
def _run(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has temporary folders; it is killed at the end."""
    with subprocess.Popen([sys.executable, "-c", RUN, str(folder)], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
        try:
            yield run
        finally:
            run.send_signal(signal.SIGKILL)


def _hidden(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name.startswith("."))


def test_what_a_killed_run_left_is_removed_and_told(tmp_path: Path) -> None:
    with _run(tmp_path) as run:
        left = _hidden(tmp_path)
        assert len(left) == 2
        with OutputFiles([tmp_path / "b.txt"], overwrite=False), scratch_folder(tmp_path):
            assert set(_hidden(tmp_path)) > set(left)
        assert _hidden(tmp_path) == left
    with collecting():
        with OutputFiles([tmp_path / "b.txt"], overwrite=False):
            assert not set(_hidden(tmp_path)) & set(left)
        notes = collected().notes
    assert sorted(text.split(":")[0] for text in notes) == [str(path) for path in left]
    assert all(f"process {run.pid}" in text for text in notes)
    assert list(tmp_path.iterdir()) == []


def test_the_next_scratch_folder_clears_as_well(tmp_path: Path) -> None:
    with _run(tmp_path):
        pass
    with scratch_folder(tmp_path) as own:
        assert _hidden(tmp_path) == [own]


def _folder(parent: Path, owner: str | None, name: str = ".geoseg-abcd1234") -> Path:
    folder = parent / name
    folder.mkdir()
    if owner is not None:
        (folder / MARKER).write_text(owner)
    return folder


def _owner(**changes: object) -> str:
    own = Owner.this()
    facts = {"host": own.host, "pid": own.pid, "started": own.started}
    return json.dumps({**facts, "pid": 2**22 + 1, **changes})


@pytest.mark.parametrize(
    "owner",
    [
        None,
        "",
        "[]",
        '{"pid": 1}',
        _owner(host="another"),
        _owner(started=""),
        _owner(pid=os.getpid()),
    ],
    ids=["no marker", "empty", "list", "part", "other host", "unknown start", "a live process"],
)
def test_what_may_be_in_use_stays(owner: str | None, tmp_path: Path) -> None:
    folder = _folder(tmp_path, owner)
    clear(tmp_path)
    assert folder.is_dir()


@pytest.mark.parametrize("name", [".a.gpkg.abcd1234.partial", ".geoseg-abcd1234"])
def test_a_process_that_is_gone(name: str, tmp_path: Path) -> None:
    _folder(tmp_path, _owner(), name)
    clear(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_number_that_another_process_has_now(tmp_path: Path) -> None:
    boot, space, _ = Owner.this().started.split()
    _folder(tmp_path, _owner(pid=os.getpid(), started=f"{boot} {space} 1"))
    clear(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_boot(tmp_path: Path) -> None:
    _folder(tmp_path, _owner(started="earlier pid:[1] 5"))
    clear(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_locked_folder_of_another_container_stays(tmp_path: Path) -> None:
    folder = tmp_path / ".geoseg-abcd1234"
    folder.mkdir()
    marker = Marker(folder)
    boot, _, ticks = Owner.this().started.split()
    (folder / MARKER).write_text(_owner(started=f"{boot} pid:[1] {ticks}"))
    clear(tmp_path)
    assert folder.is_dir()
    marker.close()
    clear(tmp_path)
    assert not folder.exists()


@pytest.mark.parametrize("name", ["geoseg-abcd1234", ".geoseg-abc", ".a.partial", ".geoseg-abcd1234.zip"])
def test_other_names_stay(name: str, tmp_path: Path) -> None:
    folder = _folder(tmp_path, _owner(), name)
    clear(tmp_path)
    assert folder.is_dir()


def test_links_stay(tmp_path: Path) -> None:
    folder = _folder(tmp_path, _owner(), "mine")
    (tmp_path / ".geoseg-abcd1234").symlink_to(folder)
    clear(tmp_path)
    assert (folder / MARKER).is_file()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can give a folder away")
def test_folders_of_other_users_stay(tmp_path: Path) -> None:
    folder = _folder(tmp_path, _owner())
    os.chown(folder, 12345, -1)
    clear(tmp_path)
    assert folder.is_dir()


def test_an_old_output_that_is_missing_is_restored(tmp_path: Path) -> None:
    folder = _folder(tmp_path, _owner(), ".a.gpkg.abcd1234.partial")
    (folder / ".a.gpkg.replaced").write_text("old a")
    (folder / ".b.tif.replaced").write_text("old b")
    (tmp_path / "b.tif").write_text("new b")
    with collecting():
        clear(tmp_path)
        (text,) = collected().notes
    assert "a.gpkg is the old file again" in text
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "a.gpkg": "old a",
        "b.tif": "new b",
    }


def test_two_that_clear_at_once(tmp_path: Path) -> None:
    for number in range(20):
        _folder(tmp_path, _owner(), f".geoseg-abcd12{number:02}")
    code = (
        f"from pathlib import Path; from geoseg.files.leftovers import clear; clear(Path({str(tmp_path)!r}))"
    )
    runs = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [run.wait() for run in runs] == [0, 0, 0]
    assert list(tmp_path.iterdir()) == []


def test_the_marker_names_this_process(tmp_path: Path) -> None:
    marker = Marker(tmp_path)
    facts = json.loads((tmp_path / MARKER).read_text())
    assert facts["host"] == socket.gethostname()
    assert facts["pid"] == os.getpid()
    assert not Owner(**facts).gone
    marker.close()


def test_a_process_that_has_ended_and_that_nobody_waited_for(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path)], stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        run.stdout.readline()
        run.send_signal(signal.SIGKILL)
        run.stdout.read()  # until it has ended; its exit code is not asked for
        os.waitid(os.P_PID, run.pid, os.WEXITED | os.WNOWAIT)
        clear(tmp_path)
        assert _hidden(tmp_path) == []


@pytest.mark.parametrize("owner", [None, ""])
def test_own_outputs_without_a_marker(owner: str | None, tmp_path: Path) -> None:
    own = _folder(tmp_path, owner, ".a.b.gpkg.abcd1234.partial")
    other = _folder(tmp_path, owner, ".c.gpkg.abcd1234.partial")
    scratch = _folder(tmp_path, owner)
    clear(tmp_path, {"a.b.gpkg"})
    assert not own.exists()
    assert other.is_dir()
    assert scratch.is_dir()
