"""What libraries print by themselves, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_an_error_in_a_thread_of_a_library_is_one_line(tmp_path: Path) -> None:
    """The writer of TensorBoard's logs ends so on a full disk; Python would print a traceback."""
    program = tmp_path / "program.py"
    program.write_text(
        "import logging, threading\nfrom geoseg.cli.library_messages import silence\n"
        "silence()\nlogging.basicConfig()\n"
        "def write(): raise OSError(28, 'No space left on device')\n"
        "thread = threading.Thread(target=write)\nthread.start()\nthread.join()\n"
    )
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert "a thread of a library ended ([Errno 28] No space left on device)" in line


def test_loggers_of_libraries_do_not_print(tmp_path: Path) -> None:
    """matplotlib warns of a home that cannot be written."""
    program = tmp_path / "program.py"
    program.write_text(
        "import logging\nfrom geoseg.cli.library_messages import silence\nsilence()\n"
        "logging.getLogger('matplotlib').warning('mkdir -p failed')\n"
    )
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
