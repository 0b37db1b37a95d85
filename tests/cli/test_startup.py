"""Signals and standard streams, from the first moment to the last, of a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pyproj import CRS

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals and streams")

COMMAND = f"{sys.executable} -m geoseg"


def _shell(line: str) -> tuple[int, str]:
    """Run a line of shell; return the exit code and what was written, stdout and stderr together."""
    done = subprocess.run(["bash", "-c", line], check=False, capture_output=True, text=True)
    assert "Traceback" not in done.stdout + done.stderr
    assert "Exception ignored" not in done.stderr
    return done.returncode, done.stdout + done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("--help >&-", 0, ""),
        ("--help > /dev/full", 6, "standard output: cannot be written: No space left"),
        ("models --help > /dev/full", 6, "standard output: cannot be written"),
        ("flood x.tif -o y.gpkg --print-config > /dev/full", 6, "standard output"),
        ("--help 2>&- | grep -c geoseg > /dev/null; exit ${PIPESTATUS[0]}", 0, ""),
        ("--help | true; exit ${PIPESTATUS[0]}", 141, ""),
        ("info nosuch.tif 2> /dev/full", 3, ""),
        ("info nosuch.tif <&- >&- 2>&-", 3, ""),
        ("nosuch 2>&-", 2, ""),
        ("info nosuch.tif 2>&1 | true; exit ${PIPESTATUS[0]}", 3, ""),
    ],
)
def test_streams_that_take_nothing(line: str, code: int, told: str) -> None:
    found, text = _shell(f"{COMMAND} {line}")
    assert found == code, text
    assert told in text


def test_a_file_never_gets_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    """Messages of C libraries go to descriptor 2, whatever it is."""
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys\nfrom geoseg.cli import startup\nstartup.begin()\n"
        f"file = open({str(tmp_path / 'a')!r}, 'w')\nos.write(2, b'libtiff says')\n"
        "print('lost', file=sys.stderr)\nfile.close()\n"
    )
    assert _shell(f"{sys.executable} {program} <&- >&- 2>&-") == (0, "")
    assert (tmp_path / "a").read_text() == ""


def test_a_message_of_gdal_that_is_no_utf_8_is_not_printed(tmp_path: Path) -> None:
    """rasterio raises an exception for it in a callback of GDAL, which Cython prints by both hooks."""
    wkt = CRS(32633).to_wkt("WKT1_ESRI").encode().replace(b"0.9996", b"0.\xff\xff")
    (tmp_path / "classes.img").write_bytes(bytes(range(16)))
    (tmp_path / "classes.hdr").write_bytes(
        b"ENVI\nsamples = 4\nlines = 4\nbands = 1\nheader offset = 0\nfile type = ENVI Standard\n"
        b"data type = 1\ninterleave = bsq\nbyte order = 0\n"
        b"map info = {UTM, 1, 1, 500000, 5500000, 10, 10, 33, North, WGS-84}\n"
        b"coordinate system string = {" + wkt + b"}\n"
    )
    _, text = _shell(f"{COMMAND} info {tmp_path}/classes.img")
    assert "UnicodeDecodeError" not in text


ENDING = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]


@pytest.mark.parametrize(("number", "code"), ENDING)
def test_a_signal_while_libraries_are_imported(number: int, code: int) -> None:
    program = (
        "import builtins, os, sys\nreal = builtins.__import__\n"
        "def slow(name, *rest):\n    if name == 'typer':\n"
        f"        os.kill(os.getpid(), {number})\n    return real(name, *rest)\n"
        "builtins.__import__ = slow\nfrom geoseg.cli import main\nsys.argv = ['geoseg', '--help']\nmain()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        capture_output=True,
        text=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


def test_a_hangup_that_is_ignored_stays_ignored() -> None:
    """Like nohup."""
    program = (
        "import os, signal\nfrom geoseg.cli import startup\nstartup.begin()\n"
        "os.kill(os.getpid(), signal.SIGHUP)\nprint('still here')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        capture_output=True,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    assert (done.returncode, done.stdout) == (0, "still here\n")


def test_the_first_search_for_cycles_is_late_and_later_ones_as_usual(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import gc\nfrom geoseg.cli import startup\nusual = gc.get_threshold()\nstartup.begin()\n"
        "assert gc.get_threshold() == (startup.UNCOLLECTED, *usual[1:])\n"
        "kept = [[] for _ in range(2 * startup.UNCOLLECTED)]\n"
        "assert gc.get_threshold() == usual and not gc.callbacks\n"
        "assert not gc.get_freeze_count()\n"
    )
    assert _shell(f"{sys.executable} {program}") == (0, "")


@pytest.mark.parametrize("before", ["gc.disable()", "gc.set_threshold(0)", "gc.set_threshold(10**6)"])
def test_a_search_for_cycles_that_is_rarer_already_is_left(tmp_path: Path, before: str) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        f"import gc\nfrom geoseg.cli import startup\n{before}\nfound = gc.get_threshold()\nstartup.begin()\n"
        "assert gc.get_threshold() == found and not gc.callbacks\n"
    )
    assert _shell(f"{sys.executable} {program}") == (0, "")


def test_the_cache_of_torch_is_not_left_in_the_temporary_folder(tmp_path: Path) -> None:
    """Where the home cannot be written, torch keeps its own place, without which it cannot be imported."""
    pytest.importorskip("torch", reason="the extra `train` is not installed")
    (tmp_path / "tmp").mkdir()
    (tmp_path / "file").write_text("")
    program = tmp_path / "program.py"
    program.write_text(
        "from geoseg.cli import startup\nstartup.begin()\n"
        "from torch._inductor.runtime.cache_dir_utils import cache_dir\nprint(cache_dir())\n"
    )
    for home, expected in (("home", tmp_path / "home" / ".cache" / "geoseg" / "torch"), ("file", tmp_path)):
        unset = "env -u XDG_CACHE_HOME -u TORCHINDUCTOR_CACHE_DIR"
        line = f"{unset} HOME={tmp_path / home} TMPDIR={tmp_path / 'tmp'} {sys.executable} {program}"
        code, text = _shell(line)
        assert (code, text.strip()[: len(str(expected))]) == (0, str(expected))
        if home == "home":
            assert not list((tmp_path / "tmp").iterdir())
