"""What the plugin loads into a project: layers in a group, with style, labels and time."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

SESSION = Path(__file__).parents[1] / "qgis_session.py"


def loaded(
    environment: dict[str, str], name: str, picture: Path, **parameters: object
) -> list[dict[str, Any]]:
    """Run an algorithm in a project; return what its layers are."""
    given = json.dumps(
        {key: str(value) if isinstance(value, Path) else value for key, value in parameters.items()}
    )
    done = subprocess.run(
        ["/usr/bin/python3", SESSION, environment["QGIS_PLUGINPATH"], name, given, picture],
        env=environment, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    layers: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return layers


STYLED = {"group": "geoseg", "valid": True, "renderer": "categorizedSymbol", "labels": True}


@pytest.mark.qgis
def test_a_map_and_its_rasters_are_in_one_group(
    environment: dict[str, str], scenes: dict[str, Path], tmp_path: Path
) -> None:
    outputs = {"OUTPUT": tmp_path / "map.gpkg", "RASTER": tmp_path / "map.tif"}
    polygons, raster = loaded(environment, "flood", tmp_path / "map.png", INPUT=scenes["after"], **outputs)
    assert polygons.items() >= {**STYLED, "name": "Flood and surface water: map"}.items()
    assert polygons["features"] >= 1
    assert raster == {"name": "Raster: map", "group": "geoseg", "valid": True}
    assert (tmp_path / "map.png").stat().st_size > 2000


@pytest.mark.qgis
@pytest.mark.parametrize("merge", [False, True])
def test_a_batch_loads_its_maps_or_the_merged_one(
    environment: dict[str, str], scenes: dict[str, Path], tmp_path: Path, merge: bool
) -> None:
    (tmp_path / "many").mkdir()
    for name, day in (("before", "20240501"), ("after", "20240513")):
        shutil.copy(scenes[name], tmp_path / "many" / f"lake_{day}.tif")
    given = {"INPUTS": tmp_path / "many", "OUTPUT": tmp_path / "maps", "MERGE": merge, "JOBS": 1}
    if not merge:
        # The merged map of an earlier run is not that of this one.
        (tmp_path / "maps").mkdir()
        (tmp_path / "maps" / "merged.gpkg").touch()
    layers = loaded(environment, "batchflood", tmp_path / "map.png", **given)
    names = ["maps"] if merge else ["lake_20240501", "lake_20240513"]
    assert sorted(layer["name"] for layer in layers) == names
    assert all(layer.items() >= STYLED.items() for layer in layers)
    assert all(layer["time"] for layer in layers)
