"""One short training that several tests look at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.simulated import CONFIG, write_set


class Run(NamedTuple):
    """A training on simulated lakes, by the command line."""

    config: Path
    data: Path
    folder: Path
    bundle: Path


def geoseg(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "geoseg", *map(str, arguments)], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Train and export."""
    pytest.importorskip("lightning", reason="the extra `train` is not installed")
    root = tmp_path_factory.mktemp("training")
    write_set(root / "set", chips=16)
    config = root / "water.yaml"
    config.write_text(CONFIG.format(root=root / "set"))
    folder, bundle = root / "run", root / "simulated-water"
    for arguments in (
        ("train", config, "-o", folder, "--threads", 2),
        ("export", folder, "-o", bundle),
    ):
        done = geoseg(*arguments)
        assert done.returncode == 0, done.stderr
    return Run(config=config, data=root / "set", folder=folder, bundle=bundle)
