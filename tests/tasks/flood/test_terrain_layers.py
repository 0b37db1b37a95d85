"""Height above drainage and slope by their names, units and fill values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray

from geoseg.errors import SceneError
from tests.products.ground import EAST, NORTH, SIDE, write_raster
from tests.tasks.flood.reference_requests import (
    layer,
)


def heights(path: Path, values: NDArray[Any], **options: Any) -> Path:
    return write_raster(path, values, **options)


RAMP = np.tile(np.linspace(0, 40, SIDE), (SIDE, 1))
"""Height above drainage in m, or slope in degrees, from west to east."""


@pytest.mark.parametrize(
    ("name", "scale", "options"),
    [
        ("n45e010_hnd.tif", 1, {}),
        ("Copernicus_DSM_COG_10_N48_00_E012_00_HAND.tif", 1, {}),
        ("dem_hand.tif", 1, {}),
        ("hand_cm.tif", 100, {}),
        ("hand_dm.tif", 10, {}),
        ("hand.tif", 100, {"units": "cm"}),
        ("hand.tif", 1 / 0.3048, {"units": "ft"}),
        ("hand.tif", 10, {"scales": (0.1,)}),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_hand_in_metres_whatever_its_unit(
    tmp_path: Path, name: str, scale: float, options: dict[str, Any], dtype: str
) -> None:
    stored = RAMP * scale
    stored = np.rint(stored) if dtype == "int16" else stored
    units = options.get("units")
    path = heights(tmp_path / name, stored.astype(dtype), scales=options.get("scales", ()))
    if units:
        with rasterio.open(path, "r+") as file:
            file.units = (units,)
    found, _ = layer(hand=path)
    np.testing.assert_allclose(found, RAMP, atol=0.51 / scale if dtype == "int16" else 1e-3)


@pytest.mark.parametrize(
    ("dtype", "fill"),
    [
        ("float32", -9999),
        ("int16", -9999),
        ("int16", 32_767),
        ("int16", -32_768),
        ("uint8", 255),
        ("uint16", 65_535),
    ],
)
def test_untagged_fill_of_hand_and_slope_rules_nothing_out(tmp_path: Path, dtype: str, fill: int) -> None:
    values = RAMP.astype(dtype)
    values[:30] = fill
    for kind in ("hand", "slope"):
        found, heard = layer(**{kind: heights(tmp_path / f"{kind}.tif", values)})
        assert np.isnan(found[:29]).all()
        np.testing.assert_allclose(found[31:], RAMP[31:], atol=1)
        assert any(f"{fill} " in note and "nodata tag" in note for note in heard.notes)


@pytest.mark.parametrize("fill", [-9999, 32_767, 255])
def test_untagged_fill_among_many_values(tmp_path: Path, fill: float) -> None:
    """Of floats that are all different the ends are told, less what was not observed."""
    values = RAMP + np.random.default_rng(0).uniform(0, 1, RAMP.shape)
    values[:60] = fill
    values[:30] = -32_768
    found, heard = layer(hand=heights(tmp_path / "hand.tif", values.astype(np.float32)))
    assert np.isnan(found[:59]).all()
    np.testing.assert_allclose(found[61:], values[61:], atol=1e-3)
    assert not heard.warnings
    with pytest.raises(SceneError, match="reach 100"):
        layer(slope=heights(tmp_path / "s.tif", np.where(values < 100, values + 60, fill).astype(np.float32)))


@pytest.mark.parametrize(
    "name",
    [
        "n45e010_elv.tif",
        "n45e010_upa.tif",
        "Copernicus_DSM_COG_10_N48_00_E012_00_DEM.tif",
        "NASADEM_HGT_n48e012.tif",
        "srtm.tif",
        "N48E012.hgt.tif",
        "slope.tif",
    ],
)
def test_other_layers_are_not_taken_for_hand(tmp_path: Path, name: str) -> None:
    with pytest.raises(SceneError, match="is not height above the nearest drainage") as caught:
        layer(hand=heights(tmp_path / name, RAMP.astype(np.float32)))
    assert caught.value.exit_code == 3


def test_values_that_hand_does_not_have(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match="HAND in m does not; are they cm or dm"):
        layer(hand=heights(tmp_path / "h.tif", (RAMP * 1000).astype(np.uint16)))
    with pytest.raises(SceneError, match="are not possible for height"):
        layer(hand=heights(tmp_path / "h.tif", (RAMP - 500).astype(np.int16)))
    _, heard = layer(hand=heights(tmp_path / "h.tif", (RAMP + 5).astype(np.float32)))
    assert any("heights above the sea" in warning for warning in heard.warnings)
    _, heard = layer(hand=heights(tmp_path / "h.tif", (RAMP + 200).astype(np.float32)))
    assert any("its least value, 200, is above `--max-hand 15`" in warning for warning in heard.warnings)


@pytest.mark.parametrize(
    ("name", "unit", "turned"),
    [
        ("slope.tif", "", RAMP),
        ("slope_degrees.tif", "", RAMP),
        ("slope.tif", "degree", RAMP),
        ("slope_percent.tif", "", 100 * np.tan(np.radians(RAMP))),
        ("slope_pct.tif", "", 100 * np.tan(np.radians(RAMP))),
        ("slope.tif", "%", 100 * np.tan(np.radians(RAMP))),
        ("slope_rad.tif", "", np.radians(RAMP)),
        ("slope.tif", "radian", np.radians(RAMP)),
        ("slope.tif", "m/m", np.tan(np.radians(RAMP))),
    ],
)
def test_slope_in_degrees_whatever_its_unit(
    tmp_path: Path, name: str, unit: str, turned: NDArray[np.float64]
) -> None:
    path = heights(tmp_path / name, turned.astype(np.float32))
    if unit:
        with rasterio.open(path, "r+") as file:
            file.units = (unit,)
    found, heard = layer(slope=path)
    np.testing.assert_allclose(found, RAMP, atol=1e-3)
    assert any("converted to degrees" in note for note in heard.notes) == (turned is not RAMP)


def test_slopes_whose_unit_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match=r"reach 250, degrees do not; are they percent"):
        layer(slope=heights(tmp_path / "s.tif", (RAMP * 6.25).astype(np.float32)))
    with pytest.raises(SceneError, match=r"radians, or degrees of very flat ground.*gdal_edit\.py -units"):
        layer(slope=heights(tmp_path / "s.tif", np.radians(RAMP).astype(np.float32)))
    with pytest.raises(SceneError, match="250 times its cosine"):
        layer(slope=heights(tmp_path / "eudem_slop_3035_europe.tif", RAMP.astype(np.uint8)))
    with pytest.raises(SceneError, match="is not slope but, by its name, heights"):
        layer(slope=heights(tmp_path / "dem.tif", RAMP.astype(np.uint8)))
    # Whole degrees of flat ground are no radians, and level ground is level in any unit.
    for flat in (np.minimum(RAMP, 1).astype(np.uint8), np.zeros_like(RAMP, np.float32)):
        assert layer(slope=heights(tmp_path / "s.tif", flat))[0].max() <= 1


def test_terrain_elsewhere_is_warned_of(tmp_path: Path) -> None:
    away = Affine(10, 0, EAST + 50_000, 0, -10, NORTH)
    for kind in ("hand", "slope"):
        path = heights(tmp_path / f"{kind}.tif", RAMP.astype(np.float32), transform=away)
        _, heard = layer(**{kind: path})
        assert any("covers nothing of the scene" in warning for warning in heard.warnings)


@pytest.mark.parametrize("kind", ["hand", "slope"])
def test_terrain_of_a_part_of_the_scene_is_warned_of(tmp_path: Path, kind: str) -> None:
    part = np.full((SIDE, 20), 50, np.float32)
    _, heard = layer(**{kind: heights(tmp_path / f"{kind}.tif", part)})
    assert any("covers only" in warning and "has no effect" in warning for warning in heard.warnings)
    assert any("no water is left where it covers the scene" in warning for warning in heard.warnings)
