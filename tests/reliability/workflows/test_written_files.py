"""Libraries that geoseg imports write nothing and send nothing by themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("module", ["onnxruntime", "openvino", "pyogrio"])
def test_importing_a_library_writes_nothing(module: str, tmp_path: Path) -> None:
    """Builds of ONNX Runtime and OpenVINO store the number of an installation and send usage data."""
    pytest.importorskip(module)
    home = str(tmp_path)
    changed = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), home)
    environment = {
        key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"
    } | changed
    command = [sys.executable, "-c", f"import geoseg, {module}"]
    subprocess.run(command, env=environment, check=True, cwd=tmp_path)
    assert not list(tmp_path.rglob("*"))
