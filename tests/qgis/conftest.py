"""The plugin in a fresh profile of QGIS, and small scenes."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from tests.api.pixels import BANDS, CRS, TRANSFORM, reflectance

ROOT = Path(__file__).parents[2]
PROCESS = Path("/usr/bin/qgis_process.bin")


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of plugins with the plugin in it."""
    folder = tmp_path_factory.mktemp("plugins")
    made = folder / "geoseg_provider.zip"
    subprocess.run([sys.executable, ROOT / "qgis" / "make_plugin.py", made], check=True, capture_output=True)
    with zipfile.ZipFile(made) as file:
        file.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def environment(plugin: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A fresh profile of QGIS in which geoseg is installed as the plugin installs it."""
    if not PROCESS.exists():
        pytest.skip(f"no {PROCESS} (apt-get install qgis)")
    home = tmp_path_factory.mktemp("home")
    home.chmod(0o700)
    ours = ("PYTHON", "GDAL", "PROJ", "VIRTUAL_ENV", "XDG_DATA_HOME")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    clean |= {"QT_QPA_PLATFORM": "offscreen", "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
    clean |= {"QGIS_PLUGINPATH": str(plugin), "PATH": "/usr/bin:/bin"}
    scripts = home / ".local" / "share" / "geoseg" / "qgis-environment" / "bin"
    scripts.mkdir(parents=True)
    program = scripts / "geoseg"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m geoseg "$@"\n')
    program.chmod(0o755)
    enabled = subprocess.run(
        [PROCESS, "plugins", "enable", "geoseg_provider"],
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )
    if enabled.returncode:
        pytest.skip(f"QGIS loads no plugins: {enabled.stderr.strip().splitlines()[-1:]}")
    return clean


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("scenes")
    before = reflectance()
    after = before.copy()
    after[:, 10:30, 10:30] = before[:, 48:68, 48:68]
    made: dict[str, NDArray[Any]] = {
        "before": before,
        "after": after,
        "mask": (after[1:] < 0.1).astype(np.uint8),
    }
    made["six"] = np.stack([after[0], after[0], after[0], after[1], after[1], after[1]])
    names = {"mask": ("water",), "six": ("blue", "green", "red", "nir", "swir16", "swir22")}
    for name, data in made.items():
        with rasterio.open(
            folder / f"{name}.tif", "w", driver="GTiff", height=96, width=96, count=len(data),
            dtype=data.dtype.name, crs=CRS, transform=TRANSFORM,
        ) as file:  # fmt: skip
            file.write(data)
            file.descriptions = names.get(name, BANDS)
    return {name: folder / f"{name}.tif" for name in made}
