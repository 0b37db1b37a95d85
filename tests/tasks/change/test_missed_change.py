"""Change over a large part of a scene is mapped or warned of; no warning where little or nothing changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from geoseg.spec import ChangeSpec, RunSpec, SceneSpec
from geoseg.tasks.change.change_map import map_change
from tests.messages import Messages, progress
from tests.products.ground import BARE, SIDE, VEGETATION, WATER, Ground, checks, disc, write_raster

BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
FIELDS = np.where(checks(), BARE, VEGETATION).astype(np.uint8)


def date(root: Path, name: str, kinds: NDArray[np.uint8], seed: int) -> SceneSpec:
    ground = Ground(kinds=kinds, seed=seed)
    counts = np.stack([(1e4 * ground.reflectance(band)).round() for band in BANDS]).astype(np.uint16)
    path = write_raster(root / f"{name}.tif", counts, descriptions=BANDS)
    return SceneSpec(paths=(str(path),), sensor="sentinel-2-l2a-harmonised")


def changed(root: Path, after: NDArray[np.uint8], method: str = "auto") -> NDArray[np.bool_]:
    run = RunSpec(output=root / "map.gpkg", raster=root / "map.tif", min_area=0, overwrite=True)
    before, second = date(root, "before", FIELDS, 1), date(root, "after", after, 2)
    map_change(ChangeSpec(before=before, after=second, run=run, method=method), progress)
    with rasterio.open(root / "map.tif") as file:
        return np.asarray(file.read(1) > 0)


def new(kind: int, radius: float) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Fields with a disc of another kind, and where the ground changed."""
    kinds = FIELDS.copy()
    kinds[disc(SIDE, radius)] = kind
    return kinds, kinds != FIELDS


@pytest.mark.parametrize("kind", [WATER, BARE], ids=["flooded", "cleared"])
@pytest.mark.parametrize("radius", [20, 40, 56, 70])
def test_large_change_is_mapped_by_default(
    kind: int, radius: float, tmp_path: Path, messages: Messages
) -> None:
    kinds, truth = new(kind, radius)
    found = changed(tmp_path, kinds)
    recall = (found & truth).sum() / truth.sum()
    warned = any("is treated as usual" in text for text in messages.warnings)
    assert recall > 0.8 or warned or radius == 20
    # Measures are means of windows, so that a rim of pixels outside may be mapped.
    assert (found & ~binary_dilation(truth, iterations=5)).mean() < 0.005
    if kind == WATER and radius > 20:
        assert recall > 0.95


@pytest.mark.parametrize("kind", [WATER, BARE], ids=["flooded", "cleared"])
@pytest.mark.parametrize("method", ["mad", "irmad", "ndvi"])
def test_a_method_that_was_asked_for_is_kept_and_warned_of(
    kind: int, method: str, tmp_path: Path, messages: Messages
) -> None:
    kinds, truth = new(kind, 64)
    found = changed(tmp_path, kinds, method)
    assert not any("finds more of it" in text for text in messages.notes)
    warned = any(f"is above the threshold ({method})" in text for text in messages.warnings)
    assert warned or (found & truth).sum() > 0.5 * truth.sum()


def test_nothing_is_doubted_where_nothing_changed(tmp_path: Path, messages: Messages) -> None:
    found = changed(tmp_path, FIELDS)
    assert found.mean() < 0.002
    assert not any("treated as usual" in text for text in messages.warnings)
    assert not any("finds more of it" in text for text in messages.notes)


@pytest.mark.parametrize("radius", [48, 56])
def test_normalisation_does_not_take_change_for_radiometry(
    radius: float, tmp_path: Path, messages: Messages
) -> None:
    kinds, truth = new(WATER, radius)
    found = changed(tmp_path, kinds, "cva")
    assert (found & truth).sum() > 0.9 * truth.sum()
