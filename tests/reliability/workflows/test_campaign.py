"""Damaged inputs, kills: each in a process of its own, which forks one for each command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="cases are forked, which this system cannot")


def _run(module: str, *arguments: str) -> None:
    """Run a module of tests.reliability; what it prints is the message of a failure."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", f"tests.reliability.{module}", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}"


def test_thirty_damaged_inputs() -> None:
    _run("campaign", "--cases", "30", "--seed", "1")


@pytest.mark.slow
def test_six_hundred_damaged_inputs() -> None:
    _run("campaign", "--cases", "600", "--seed", "2")


@pytest.mark.slow
def test_every_command_maps_what_is_not_damaged() -> None:
    _run("campaign", "--whole")


def test_fifteen_hostile_inputs() -> None:
    _run("hostile", "--every", "181")


@pytest.mark.slow
def test_four_hundred_hostile_inputs() -> None:
    _run("hostile", "--every", "7")


def test_five_odd_surroundings() -> None:
    _run("surroundings", "--every", "83")


@pytest.mark.slow
def test_all_odd_surroundings() -> None:
    _run("surroundings")


def test_two_kills() -> None:
    _run("kills", "--count", "2")


@pytest.mark.slow
def test_twenty_kills() -> None:
    _run("kills", "--count", "20")


compiles = pytest.mark.skipif(
    not sys.platform.startswith("linux") or shutil.which("cc") is None, reason="needs Linux and a C compiler"
)


@compiles
def test_disks_that_are_full_at_any_write() -> None:
    _run("full_disk", "--points", "1", "--only", "vectorize")


@compiles
@pytest.mark.slow
def test_disks_of_every_command_that_are_full_at_any_write() -> None:
    _run("full_disk", "--points", "4")
