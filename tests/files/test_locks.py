"""A lock excludes another process, and says that it waits."""

from __future__ import annotations

import errno
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from geoseg.errors import OutputError
from geoseg.files.locks import locked

HOLD = """
import sys
from pathlib import Path
from geoseg.files.locks import locked
with locked(Path(sys.argv[1]), lambda: None, ""):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_lock_waits_for_another_process(tmp_path: Path) -> None:
    path = tmp_path / "new" / ".lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "held\n"
        waited, done = threading.Event(), threading.Event()

        def take() -> None:
            with locked(path, waited.set, ""):
                done.set()

        thread = threading.Thread(target=take)
        thread.start()
        assert waited.wait(30)
        assert not done.is_set()
        other.stdin.write("\n")
        other.stdin.flush()
        thread.join(30)
        assert done.is_set()
    assert path.exists()


def test_a_file_system_without_locks_has_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    lock = locked(tmp_path / ".lock", lambda: None, "choose another folder")
    with (
        pytest.raises(OutputError, match="cannot be locked: No locks available; choose another folder"),
        lock,
    ):
        raise AssertionError
