"""One short training that several tests look at."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from filelock import FileLock

from tests.prepared_process import geoseg
from tests.simulated import CONFIG, write_set


class Run(NamedTuple):
    """A training on simulated lakes, by the command line."""

    config: Path
    data: Path
    folder: Path
    bundle: Path


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Run]) -> Run:
    """Return what `make` writes into a folder: made by the first worker of pytest-xdist that asks for it.

    The tests of all workers read it, so that none may change it.
    """
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, made = base / name, base / f"{name}.made"
    with FileLock(base / f"{name}.lock"):
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            made.write_text("\n".join(map(str, make(folder))))
    return Run(*map(Path, made.read_text().splitlines()))


def trained(root: Path, config: Path, name: str, *, threads: int) -> Run:
    """Train a network by a configuration, and export it.

    Args:
        root: a folder, whose folder `set` holds the training set.
        config: of the training.
        name: of the bundle.
        threads: of the training.
    """
    folder, bundle = root / "run", root / name
    for arguments in (
        ("train", config, "-o", folder, "--threads", threads),
        ("export", folder, "-o", bundle),
    ):
        done = geoseg(*arguments)
        assert done.returncode == 0, done.stderr
    return Run(config=config, data=root / "set", folder=folder, bundle=bundle)


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Train and export."""
    pytest.importorskip("lightning", reason="the extra `train` is not installed")

    def make(root: Path) -> Run:
        write_set(root / "set", chips=16)
        config = root / "water.yaml"
        config.write_text(CONFIG.format(root=root / "set"))
        return trained(root, config, "simulated-water", threads=2)

    return made_once(tmp_path_factory, "training", make)
