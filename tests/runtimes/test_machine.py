"""What the machine can do."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from geoseg.runtimes import machine


def test_threads_follow_affinity() -> None:
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system has no processor affinity")
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
        "from geoseg.runtimes.machine import usable_threads; print(usable_threads())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


def test_bf16_needs_amx_to_be_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    for flags, fast in (({"avx2"}, False), ({"avx512_bf16"}, False), ({"amx_bf16", "avx512_bf16"}, True)):
        monkeypatch.setattr(machine, "cpu_flags", lambda flags=flags: frozenset(flags))
        assert machine.bf16_is_fast() is fast
        assert set(machine.bf16_flags()) == flags - {"avx2"}
