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


def test_flags_of_bf16_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    for flags in ({"avx2"}, {"avx512_bf16"}, {"amx_bf16", "avx512_bf16", "avx2"}):
        monkeypatch.setattr(machine, "cpu_flags", lambda flags=flags: frozenset(flags))
        assert set(machine.bf16_flags()) == flags - {"avx2"}


def test_processors_of_one_name_are_told_apart_by_their_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    """A virtual machine calls processors of several generations by one name."""
    found = set()
    for flags in ({"avx2"}, {"avx2", "avx512_bf16"}):
        monkeypatch.setattr(machine, "cpu_flags", lambda flags=flags: frozenset(flags))
        machine.processor.cache_clear()
        found.add(machine.processor())
    machine.processor.cache_clear()
    assert len(found) == 2
