"""Two dates that are shifted, on other grids, with layers, or cannot be compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer
from rasterio.warp import Resampling, reproject

from geoseg.errors import BandError, SceneError, UsageError
from tests.tasks.change.two_dates import (
    BANDS,
    SIDE,
    Change,
    _cleared,
    noisy,
    simulated_radar,
    simulated_scene,
    write,
    write_db,
)


def test_a_clear_shift_is_said_and_undone_by_itself(change: Change) -> None:
    wide = simulated_scene(side=SIDE + 20)
    before, after = wide[:, 10:-10, 10:-10], wide[:, 7:-13, 12:-8]
    for undo in (None, True):
        record, told = change(before, after, coregister=undo)
        assert any("+3.00 px down and -2.00 px right" in note for note in told.notes)
        assert any("shift undone" in note for note in told.notes)
        assert record.classes == ()
        assert not any("--coregister" in warning for warning in told.warnings)
    record, told = change(before, after, coregister=False)
    assert not any("shift undone" in note for note in told.notes)
    assert any("--coregister" in warning for warning in told.warnings)


@pytest.mark.parametrize("unnamed", ["before", "after"])
def test_bands_without_names_are_told_with_the_option_of_their_date(
    change: Change, tmp_path: Path, unnamed: str
) -> None:
    paths = {}
    for date in ("before", "after"):
        paths[date] = write(tmp_path / f"{date}.tif", simulated_scene())
    with rasterio.open(paths[unnamed], "r+") as file:
        file.descriptions = (None,) * file.count
    option = "NAME" if unnamed == "before" else "after:NAME"
    with pytest.raises(BandError, match=rf"`--band {option}=\S*{unnamed}\.tif:1`"):
        change(paths["before"], paths["after"])


def test_another_grid_and_crs_are_brought_together(change: Change, tmp_path: Path) -> None:
    """The later date at 20 m in degrees, covering only part of the earlier one."""
    ground = simulated_scene()
    after, where = _cleared(ground)
    before = write(tmp_path / "b.tif", noisy(ground, 1))
    fine = write(tmp_path / "fine.tif", noisy(after, 2))
    with rasterio.open(fine) as file:
        to_degrees = Transformer.from_crs(32633, 4326, always_xy=True)
        west, north = to_degrees.transform(file.bounds.left, file.bounds.top)
        east, south = to_degrees.transform(file.bounds.right, file.bounds.bottom)
        transform = Affine(0.0002, 0, west, 0, -0.00015, north)
        width, height = round((east - west) / 0.0002), round((north - south) / 0.00015)
        moved = np.zeros((6, height, width), np.uint16)
        for band in range(6):
            reproject(
                rasterio.band(file, band + 1), moved[band], src_crs=file.crs, dst_crs="EPSG:4326",
                src_transform=file.transform, dst_transform=transform, resampling=Resampling.bilinear,
            )  # fmt: skip
    other = tmp_path / "other.tif"
    moved = moved[:, :, : int(0.9 * width)]
    with rasterio.open(
        other, "w", driver="GTiff", width=moved.shape[2], height=height, count=6, dtype="uint16",
        crs="EPSG:4326", transform=transform, nodata=0,
    ) as file:  # fmt: skip
        file.write(moved)
        file.descriptions = BANDS
    record, _ = change(before, str(other))
    assert 0.8 < record.valid_share < 0.95
    with rasterio.open(tmp_path / "map.tif") as file:
        found, seen = file.read(1), file.read_masks(1) > 0
        assert file.crs.to_epsg() == 32633
    right = ((found > 0) & seen & where).sum()
    assert right / (where & seen).sum() > 0.7
    assert right / ((found > 0) & seen).sum() > 0.7


def test_layers_of_both_dates_are_compared(change: Change, tmp_path: Path) -> None:
    ground = simulated_scene()
    heights = np.random.default_rng(5).normal(10, 0.2, (SIDE // 2, SIDE // 2)).astype(np.float32)
    later = heights.copy()
    later[20:40, 60:80] -= 8
    for name, values in (("h1", heights), ("h2", later)):
        with rasterio.open(
            tmp_path / f"{name}.tif", "w", driver="GTiff", width=SIDE // 2, height=SIDE // 2, count=1,
            dtype="float32", crs="EPSG:32633", transform=Affine(20, 0, 500_000, 0, -20, 4_600_000),
        ) as file:  # fmt: skip
            file.write(values, 1)
    layers = {"height": str(tmp_path / "h1.tif"), "after:height": str(tmp_path / "h2.tif")}
    _, told = change(noisy(ground, 1), noisy(ground, 2), layer=layers)
    assert any("layers compared like bands: height" in note for note in told.notes)
    with rasterio.open(tmp_path / "map.tif") as file:
        found = file.read(1) > 0
    assert found[45:75, 125:155].mean() > 0.8
    assert found.mean() < 0.08


def test_a_layer_of_one_date_is_warned_of(change: Change, tmp_path: Path) -> None:
    scene = noisy(simulated_scene(), 1)
    _, told = change(
        scene,
        noisy(simulated_scene(), 2),
        layer={"height": write(tmp_path / "h.tif", scene[:1], names=("height",))},
    )
    assert any("`--layer height" in warning for warning in told.warnings)


def test_what_cannot_be_compared_is_refused(change: Change, tmp_path: Path) -> None:
    scene = noisy(simulated_scene(), 1)
    far = write(tmp_path / "far.tif", scene, transform=Affine(10, 0, 600_000, 0, -10, 4_600_000))
    with pytest.raises(SceneError, match="cover no common ground"):
        change(scene, far)
    radar = write_db(tmp_path / "radar.tif", simulated_radar(1))
    with pytest.raises(SceneError, match="two dates of one kind"):
        change(scene, radar, sensor=None)
    with pytest.raises(BandError, match="no band is in both"):
        change(
            write(tmp_path / "b.tif", scene[:1], names=("blue",)),
            write(tmp_path / "s.tif", scene[4:5], names=("swir16",)),
        )
    with pytest.raises(UsageError, match="there are auto, classes, mad"):
        change(scene, scene, method="magic")
    with pytest.raises(SceneError, match="is for sar scenes"):
        change(scene, scene, method="logratio")
    with pytest.raises(UsageError, match="`--thresholding chi2` can be used with"):
        change(scene, scene, method="cva", thresholding="chi2")
    with pytest.raises(BandError, match="nbr needs nir, swir22"):
        change(*(write(tmp_path / f"rgbn{i}.tif", scene[:4], names=BANDS[:4]) for i in (1, 2)), method="nbr")
    assert not (tmp_path / "map.gpkg").exists()
