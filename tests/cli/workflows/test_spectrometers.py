"""Products of imaging spectrometers as delivered, by the commands: water of level 2, methane of level 1."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from numpy.typing import NDArray

from geoseg.tasks.methane.surface_brightness import IRRADIANCE
from tests.products import enmap, prisma
from tests.products.emit import write_emit
from tests.products.enmap import write_enmap
from tests.products.ground import EAST, NORTH, Ground, lake
from tests.products.prisma import detector_name, to_map, write_prisma
from tests.spectrometer import (
    CENTRES,
    PPM_M,
    WIDTHS,
    disc,
    ground_cube,
    lookup_table,
    simulate,
    to_ground,
)

Geoseg = Callable[..., tuple[str, str]]
GROUND = Ground(kinds=lake(90))
NM = np.linspace(420, 2400, 60)


def level_2(folder: Path, product: str) -> Path:
    """A lake as a product of surface reflectance."""
    if product == "enmap":
        return write_enmap(folder, ground_cube(GROUND, enmap.CENTRES), level="L2A")
    made = ground_cube(GROUND, NM)
    if product == "emit":
        return write_emit(folder, made, NM)
    return write_prisma(folder / detector_name(product), made, NM, level=product)


@pytest.mark.parametrize("product", ["enmap", "emit", "L2D", "L2C"])
@pytest.mark.parametrize("method", ["auto", "mndwi", "ndwi"])
def test_water_of_surface_reflectance(tmp_path: Path, geoseg: Geoseg, product: str, method: str) -> None:
    path = level_2(tmp_path, product)
    geoseg("flood", path, "-o", tmp_path / "w.gpkg", "--raster", tmp_path / "w.tif", "--method", method)
    with rasterio.open(tmp_path / "w.tif") as file:
        mapped, valid = file.read(1) == 1, file.read(1) != 255
    expected = np.count_nonzero(GROUND.water)
    # The frame turned onto a map, in degrees, has as many pixels within a tenth.
    assert np.count_nonzero(mapped) == pytest.approx(expected, rel=0.2)
    if product in {"enmap", "L2D"}:
        assert np.count_nonzero(mapped != GROUND.water) < (0.15 if method == "auto" else 0.01) * expected
        assert valid.all()


@pytest.mark.parametrize("product", ["enmap", "emit", "L2D"])
def test_methane_asks_for_level_1(tmp_path: Path, geoseg: Geoseg, product: str) -> None:
    path = level_2(tmp_path, product)
    _, err = geoseg("methane", "plume", path, "-o", tmp_path / "p.gpkg", code=3)
    assert "surface reflectance" in err
    assert "give the level 1 product" in err


def radiance(cube: NDArray[np.float32]) -> NDArray[np.float64]:
    """A simulated cube (rows, cols, B) as (B, rows, cols)."""
    return np.moveaxis(cube, -1, 0).astype(np.float64)


def test_water_asks_for_level_2(tmp_path: Path, geoseg: Geoseg) -> None:
    path = write_prisma(
        tmp_path / detector_name("L1"), radiance(simulate(40, 40).data), CENTRES.astype(float)
    )
    _, err = geoseg("flood", path, "-o", tmp_path / "w.gpkg", "--method", "classical", code=3)
    assert "radiance at the sensor" in err
    assert "level 2" in err


def test_a_plume_in_level_1_of_prisma(tmp_path: Path, geoseg: Geoseg) -> None:
    made = simulate(160, 110, disc(160, 110, 50.5, 30.5, 7))
    path = write_prisma(
        tmp_path / detector_name("L1"), radiance(made.data), CENTRES.astype(float), widths=WIDTHS
    )
    out, err = geoseg(
        "methane",
        "plume",
        path,
        "-o",
        tmp_path / "p.gpkg",
        "--wind",
        4,
        "--sun-zenith",
        0,
        "--view-zenith",
        0,
    )
    assert "groups of columns" in out
    assert "water and clouds are not screened" not in err
    found = geopandas.read_file(tmp_path / "p.gpkg", layer="plume")
    best = found.sort_values("ime_kg").iloc[-1]
    assert best["class"] == 1
    assert found.crs.to_epsg() == prisma.EPSG
    assert best.geometry.contains(shapely.Point(to_map(51, 31, 160, 110)))
    assert best.mean_ppm_m == pytest.approx(PPM_M, rel=0.25)
    assert best.effective_wind_m_s == pytest.approx(0.34 * 4 + 0.44)


def test_a_plume_in_level_1c_of_enmap(tmp_path: Path, geoseg: Geoseg) -> None:
    plume = disc(120, 110, 50.5, 30.5, 7)
    made = simulate(120, 110, plume, centres=enmap.CENTRES, widths=enmap.WIDTHS)
    cube = radiance(made.data)
    # The sun's light on soil, and none where water vapour absorbs it: else it is taken for cloud.
    nm, light = np.array(IRRADIANCE).T
    soil = np.interp(
        enmap.CENTRES, [400, 900, 1340, 1350, 1420, 1430], [0.06, 0.25, 0.25, 0.005, 0.005, 0.25]
    )
    level = soil * np.interp(enmap.CENTRES, nm, light) / np.pi
    folder = write_enmap(tmp_path, cube * (level / cube.mean(axis=(1, 2)))[:, None, None])
    out, _ = geoseg("methane", "plume", folder, "-o", tmp_path / "p.gpkg", "--wind", 4)
    assert "one background" in out
    found = geopandas.read_file(tmp_path / "p.gpkg", layer="plume")
    best = found.sort_values("ime_kg").iloc[-1]
    assert best["class"] == 1
    assert best.geometry.contains(shapely.Point(EAST + 30 * 31, NORTH - 30 * 51))
    assert best.effective_wind_m_s == pytest.approx(0.37 * 4 + 0.69)


def test_methane_is_not_mapped_under_clouds(tmp_path: Path, geoseg: Geoseg) -> None:
    made = simulate(160, 110, disc(160, 110, 50.5, 30.5, 7))
    cloud = np.zeros((160, 110), bool)
    cloud[:, 70:] = True
    path = write_emit(
        tmp_path, radiance(made.data), CENTRES.astype(float), kind="EMIT_L1B_RAD", cloud=cloud, widths=WIDTHS
    )
    angles = ["--sun-zenith", 0, "--view-zenith", 0, "--wind", 4]
    geoseg("methane", "plume", path, "-o", tmp_path / "p.gpkg", "--columns", tmp_path / "c.tif", *angles)
    with rasterio.open(tmp_path / "c.tif") as file:
        seen = np.isfinite(file.read(1))
    glt_x, _ = lookup_table(made)
    np.testing.assert_array_equal(seen, (glt_x > 0) & (glt_x <= 70))
    found = geopandas.read_file(tmp_path / "p.gpkg", layer="plume").sort_values("ime_kg").iloc[-1]
    assert found.geometry.contains(shapely.Point(to_ground(51, 31, made)))


def test_info_says_what_is_read_and_what_is_left_out(tmp_path: Path, geoseg: Geoseg) -> None:
    out, err = geoseg("info", level_2(tmp_path, "enmap"))
    assert "enmap-l2a" in out
    assert "w2445" in out
    assert "METADATA.XML" in err
    assert "QL_PIXELMASK.TIF" in out
    assert "QL_QUALITY_CLOUD" in err
