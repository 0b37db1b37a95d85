"""Memory of this process."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from geoseg.files.process_memory import peak_mib, resident_mib

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is measured on Linux")


def test_arrays_count_while_they_exist() -> None:
    before = resident_mib()
    held = np.ones(64 * 2**20, np.uint8)
    assert resident_mib() - before > 50
    del held
    assert resident_mib() - before < 40
    assert peak_mib() >= before + 50


def test_the_peak_is_not_that_of_the_process_that_started_this_one() -> None:
    held = np.ones(200 * 2**20, np.uint8)
    program = "from geoseg.files.process_memory import peak_mib; print(peak_mib())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert held.size
    assert 0 < int(done.stdout) < 200
