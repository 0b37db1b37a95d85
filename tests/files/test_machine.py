from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from rasterio.errors import RasterioIOError

from geoseg.batch.failure import failure_of
from geoseg.errors import OutputError, ShortageError
from geoseg.files.doors import loading, opening, parsing, reading
from geoseg.files.machine import shortage, temporary_folder


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (MemoryError(), 5, "memory"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), 5, "memory"),
        (OSError(errno.EMFILE, "Too many open files", "a.tif"), 5, "ulimit -n"),
        (OSError(errno.ENFILE, "Too many open files in system"), 5, "ulimit -n"),
        (RasterioIOError("a.tif: Too many open files"), 5, "ulimit -n"),
        (RuntimeError("can't start new thread"), 5, "--threads"),
        (OSError(errno.ENOSPC, "No space left on device"), 6, "disk is full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "a.tif"), 6, "a.tif: the disk is full"),
    ],
)
def test_what_runs_out_has_a_code_and_a_remedy(error: Exception, code: int, words: str) -> None:
    found = shortage(error)
    assert found is not None
    assert found.exit_code == code
    assert words in str(found)
    assert failure_of(error) == (code, str(found))


@pytest.mark.parametrize("error", [ValueError("x"), RuntimeError("x"), OSError(errno.EIO, "x"), OSError("x")])
def test_other_errors_are_not_of_the_machine(error: Exception) -> None:
    assert shortage(error) is None


@pytest.mark.parametrize(
    "error",
    [OSError(errno.EMFILE, "Too many open files"), RasterioIOError("a.tif: Too many open files")],
    ids=["Python", "GDAL"],
)
@pytest.mark.parametrize("door", [opening, reading, loading, parsing])
def test_open_files_that_run_out_are_not_a_fault_of_the_input(
    door: Callable[[object], AbstractContextManager[None]], error: Exception
) -> None:
    with pytest.raises(ShortageError, match="too many files"), door("a.tif"):
        raise error


def test_without_a_folder_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    assert temporary_folder() == tmp_path
    monkeypatch.setattr(tempfile, "gettempdir", refuse)
    with pytest.raises(OutputError, match="TMPDIR"):
        temporary_folder()
    monkeypatch.setattr(os, "devnull", str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError):
        temporary_folder()
