"""Maps of whole deliveries: the lake of the ground is found, and tiles give the map of the whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray

from geoseg.run_record import RunRecord
from geoseg.spec import FloodSpec, RunSpec, SceneSpec
from geoseg.tasks.flood.flood_map import map_flood
from tests.messages import progress
from tests.products.ground import EAST, NORTH, Ground
from tests.products.hls import write_hls
from tests.products.landsat import L8, write_landsat
from tests.products.naip import write_naip
from tests.products.planetscope import FOUR, write_planetscope

GROUND = Ground(noise=0.001)


def flood(path: Path, folder: Path, method: str = "classical", **more: object) -> NDArray[np.uint8]:
    """Map water; return the classes."""
    folder.mkdir(exist_ok=True)
    run = RunSpec(output=folder / "map.gpkg", raster=folder / "map.tif", min_area=0)
    scene = SceneSpec(paths=(str(path),))
    map_flood(FloodSpec.model_validate({"scene": scene, "method": method, "run": run, **more}), progress)
    with rasterio.open(folder / "map.tif") as file:
        return np.asarray(file.read(1))


DELIVERIES: dict[str, Callable[[Path], object]] = {
    "landsat-8 level 2": lambda folder: write_landsat(folder, GROUND),
    "landsat-9 level 1": lambda folder: write_landsat(
        folder, GROUND, name="LC09_L1TP_010065_20220129_20220131_02_T1"
    ),
    "landsat-7 level 2": lambda folder: write_landsat(
        folder, GROUND, name="LE07_L2SP_021030_20100109_20200911_02_T1"
    ),
    "landsat-7 level 1": lambda folder: write_landsat(
        folder, GROUND, name="LE07_L1TP_021030_20100109_20200911_02_T1"
    ),
    "landsat-5 level 2": lambda folder: write_landsat(
        folder, GROUND, name="LT05_L2SP_010067_19860424_20200918_02_T2"
    ),
    "before collections": lambda folder: write_landsat(folder, GROUND, name="LC80440342017165LGN00"),
    "hls l30": lambda folder: write_hls(folder, GROUND, product="L30", folder="S2_data"),
    "hls s30": lambda folder: write_hls(folder, GROUND, product="S30", folder="landsat8"),
    "planetscope": lambda folder: write_planetscope(folder, GROUND),
    "planetscope radiance": lambda folder: write_planetscope(folder, GROUND, bands=FOUR, kind="radiance"),
    "naip": lambda folder: write_naip(folder, GROUND),
}


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_the_lake_of_a_delivery(delivery: str, tmp_path: Path) -> None:
    DELIVERIES[delivery](tmp_path / "in")
    found = flood(tmp_path / "in", tmp_path / "out")
    height, width = GROUND.water.shape
    water = found.reshape(height, len(found) // height, width, -1)[:, 0, :, 0] == 1
    assert (water & GROUND.water).sum() >= 0.97 * (water | GROUND.water).sum()


@pytest.mark.parametrize("delivery", [name for name in DELIVERIES if name.startswith(("landsat", "hls"))])
def test_units_of_thermal_and_other_bands_do_not_matter(delivery: str, tmp_path: Path) -> None:
    """Only bands that a method reads must be reflectance: its sums are allowed and its limit is applied."""
    DELIVERIES[delivery](tmp_path / "in")
    flood(tmp_path / "in", tmp_path / "awei", "awei-nsh")
    run = RunSpec(output=tmp_path / "map.gpkg")
    record = map_flood(
        FloodSpec(scene=SceneSpec(paths=(str(tmp_path / "in"),)), method="mndwi", run=run), progress
    )
    assert isinstance(record, RunRecord)
    bands: Any = record.inputs[0]["bands"]
    assert [band["name"] for band in bands] == ["green", "swir16", "nir"]


@pytest.mark.parametrize("method", ["classical", "auto"])
@pytest.mark.parametrize("product", ["hls", "landsat", "planet"])
def test_the_map_of_tiles_is_that_of_the_whole(product: str, method: str, tmp_path: Path) -> None:
    for name, parts in {"whole": [(0, 180)], "tiles": [(0, 100), (80, 180)]}.items():
        for number, (start, stop) in enumerate(parts):
            ground = Ground(kinds=GROUND.kinds[start:stop], noise=0)
            pixel = 3 if product == "planet" else 30
            place = Affine(pixel, 0, EAST, 0, -pixel, NORTH - start * pixel)
            if product == "hls":
                write_hls(tmp_path / name, ground, tile=f"T33UX{'PQ'[number]}", transform=place)
            elif product == "landsat":
                row = L8.replace("_044034_", f"_04403{4 + number}_")
                write_landsat(tmp_path / name, ground, name=row, transform=place)
            else:
                item = f"20230614_18152{number}_12_24af"
                write_planetscope(tmp_path / name, ground, item=item, transform=place)
    maps = [flood(tmp_path / name, tmp_path / f"{name}-map", method) for name in ("whole", "tiles")]
    np.testing.assert_array_equal(maps[0], maps[1])
    assert (maps[0] == 1).sum() > 9000
