"""A water method is added by one file: the command takes it, and tables and messages list it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from docs.method_tables import TABLES
from geoseg.methods.registry import names_of
from geoseg.tasks.flood import methods
from geoseg.tasks.flood.methods import water_methods

NAME = "blue-red"
SOURCE = '''
"""Blue against red."""

import logging

from geoseg.tasks.flood.optical import NormalisedDifference, index_threshold
from geoseg.messages import warn


class BlueRed(NormalisedDifference):
    """Blue against red, for turbid water."""

    name = "blue-red"
    title = "blue-red index"
    measured = "BRI"
    formula = "(B − R) / (B + R)"
    citation = "Nobody 2026"
    bands = ("blue", "red")
    threshold = index_threshold()

    def warn_of_limits(self, scenes_before, pixel_size_m):
        """Warn of what it is."""
        warn(logging.getLogger(__name__), "a-test", f"{self.title} is a test")
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose modules are water methods too."""
    found = tmp_path / "methods"
    found.mkdir()
    before = set(sys.modules)
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(found)])
    water_methods.cache_clear()
    yield found
    water_methods.cache_clear()
    for name in set(sys.modules) - before:
        if name.startswith(methods.__name__) and hasattr(methods, name.rpartition(".")[2]):
            delattr(methods, name.rpartition(".")[2])
            del sys.modules[name]


def _scene(path: Path) -> np.ndarray:
    """A scene of four bands whose western half is bluer than red; returns where."""
    west = np.zeros((80, 100), np.bool_)
    west[:, :50] = True
    levels = {"blue": (0.08, 0.04), "green": (0.05, 0.08), "red": (0.04, 0.08), "nir": (0.03, 0.1)}
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=100,
        height=80,
        count=4,
        dtype="float32",
        crs="EPSG:32633",
        transform=Affine(10, 0, 500_000, 0, -10, 5_350_000),
    ) as dataset:
        for index, (name, (wet, dry)) in enumerate(levels.items(), 1):
            dataset.write(np.where(west, wet, dry).astype(np.float32), index)
            dataset.set_band_description(index, name)
    return west


def test_a_method_in_a_file_is_taken_by_name(
    folder: Path, tmp_path: Path, geoseg: Callable[..., tuple[str, str]]
) -> None:
    (folder / "blue_red.py").write_text(SOURCE, encoding="utf-8")
    importlib.invalidate_caches()
    scene, out, raster = (tmp_path / name for name in ("scene.tif", "map.gpkg", "map.tif"))
    west = _scene(scene)
    _, err = geoseg("flood", scene, "-o", out, "--raster", raster, "--method", NAME)
    assert "blue-red index is a test" in err
    with rasterio.open(raster) as dataset:
        assert np.array_equal(dataset.read(1) == 1, west)
    _, err = geoseg("flood", scene, "-o", out, "--overwrite", "--method", "nothing", code=2)
    assert NAME in err
    assert NAME in names_of(methods)
    (table,) = (item for item in TABLES if (item.page, item.name) == ("flood.md", "methods"))
    assert (
        "| `blue-red` | blue, red |  | (B − R) / (B + R) | above | 0 | fixed | Nobody 2026 |" in table.text()
    )


def test_auto_takes_the_method_with_the_lowest_preference(
    folder: Path, tmp_path: Path, geoseg: Callable[..., tuple[str, str]]
) -> None:
    preferred = '    preference = -1\n    suits = "optical with blue and red"\n    name ='
    (folder / "blue_red.py").write_text(SOURCE.replace("    name =", preferred), encoding="utf-8")
    importlib.invalidate_caches()
    _scene(tmp_path / "scene.tif")
    _, err = geoseg("flood", tmp_path / "scene.tif", "-o", tmp_path / "map.gpkg", "--method", "classical")
    assert "method blue-red: optical with blue and red" in err


def test_a_file_without_its_method_is_named(folder: Path) -> None:
    (folder / "red_blue.py").write_text(SOURCE, encoding="utf-8")
    importlib.invalidate_caches()
    with pytest.raises(ImportError, match=r"red_blue must define .* 'red-blue'; it defines BlueRed"):
        water_methods()
