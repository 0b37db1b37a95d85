"""`geoseg fit`: tables on stdout, JSON, exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.learn.fit.made_ground import SENSOR, points, write_labels, write_scene

Geoseg = Callable[..., tuple[str, str]]


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, Path]:
    """Labels and a scene."""
    labels = write_labels(tmp_path / "labels.geojson", points())
    return labels, write_scene(tmp_path / "scene.tif")


def test_fit_prints_the_table_and_the_next_command(
    made: tuple[Path, Path], tmp_path: Path, geoseg: Geoseg
) -> None:
    pytest.importorskip("onnx")
    bundle = tmp_path / "cover"
    arguments = ("fit", *made, "--sensor", SENSOR, "--place-size", 100, "-o", bundle)
    out, _ = geoseg(*arguments)
    assert "bands+indices" in out
    assert "95 % interval" in out
    assert f"next: geoseg segment SCENE --model {bundle} -o map.gpkg" in out
    geoseg(*arguments, code=6)
    out, _ = geoseg(*arguments, "--overwrite", "--json", "-q")
    report = json.loads(out)
    assert report["bundle"] == str(bundle)
    assert sum(item["used"] for item in report["sets"]) == 1


def test_what_is_missing_is_said(made: tuple[Path, Path], tmp_path: Path, geoseg: Geoseg) -> None:
    labels, scene = made
    assert "no LABELS are given" in geoseg("fit", "-o", tmp_path / "cover", code=2)[1]
    assert "add `-o BUNDLE`" in geoseg("fit", labels, scene, code=2)[1]
    assert "does not exist" in geoseg("fit", "none.gpkg", scene, "-o", tmp_path / "cover", code=3)[1]


def test_the_extra_that_is_missing_is_named(
    made: tuple[Path, Path], tmp_path: Path, geoseg: Geoseg, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("geoseg.learn.fit")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    _, error = geoseg("fit", *made, "-o", tmp_path / "cover", code=5)
    assert "pip install 'geoseg[fit]'" in error
