"""Products whose files were renamed to small or capital letters, as some tools do, are the same scenes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geoseg.scenes import open_scene
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.products.ground import Ground, lake
from tests.products.hls import write_hls
from tests.products.landsat import write_landsat
from tests.products.planetscope import write_planetscope
from tests.products.sentinel1 import Sentinel1, hyp3, opera
from tests.products.sentinel2 import Sentinel2, band_files, safe

GROUND = Ground(kinds=lake(60))
S2 = Sentinel2(ground=GROUND)
SCL = np.full((30, 30), 5, np.uint8)
SCL[:5] = 9
LAYOVER = np.full((60, 60), 1, np.uint8)
LAYOVER[:9] = 17

PRODUCTS: dict[str, Callable[[Path], object]] = {
    "safe": lambda folder: safe(folder, S2, scl=SCL),
    "safe of level 1C": lambda folder: safe(folder, Sentinel2(ground=GROUND, level="1C")),
    "bands of Sentinel-2": lambda folder: band_files(folder, S2, f"{S2.name}_{S2.tile}"),
    "hls": lambda folder: write_hls(folder, GROUND),
    "landsat level 2": lambda folder: write_landsat(folder, GROUND),
    "landsat level 1": lambda folder: write_landsat(
        folder, GROUND, name="LC08_L1TP_044034_20230614_20230622_02_T1"
    ),
    "landsat before collections": lambda folder: write_landsat(folder, GROUND, name="LC80440342014165LGN00"),
    "planetscope": lambda folder: write_planetscope(folder, GROUND, udm2=SCL.repeat(2, 0).repeat(2, 1) == 9),
    "planetscope radiance": lambda folder: write_planetscope(folder, GROUND, kind="radiance"),
    "hyp3": lambda folder: hyp3(folder, Sentinel1(ground=GROUND, stored="amplitude"), ls_map=LAYOVER),
    "opera": lambda folder: opera(folder, Sentinel1(ground=GROUND)),
}


def renamed(root: Path, case: Callable[[str], str]) -> None:
    """Rename all files and folders below a folder; items of catalogues, which name files, are removed."""
    for path in sorted(root.rglob("*"), key=lambda item: -len(item.parts)):
        if path.name.lower().endswith("stac.json"):
            path.unlink()
        else:
            path.rename(path.with_name(case(path.name)))


def what_is_read(folder: Path) -> dict[str, Any]:
    with open_scene(SceneSpec(paths=(str(folder),)), sensors()) as scene:
        window = scene.grid.window
        names = sorted(scene.band_names)
        bands = {band.name: (band.units, band.scale, band.offset, band.db_factor) for band in scene.bands}
        return {
            "sensor": scene.sensor.name if scene.sensor else None,
            "time": scene.time,
            "platform": scene.platform,
            "bands": bands,
            "angles": scene.geometry,
            "quality": sorted(layer.title for layer in scene.quality.layers),
            "valid": {name: int(scene.read(window, [name]).valid.sum()) for name in names},
        }


@pytest.mark.parametrize("case", [str.lower, str.upper], ids=["lower", "upper"])
@pytest.mark.parametrize("product", PRODUCTS)
def test_letter_case_changes_nothing(tmp_path: Path, product: str, case: Callable[[str], str]) -> None:
    folder = tmp_path / "in"
    PRODUCTS[product](folder)
    for path in folder.rglob("*stac.json"):
        path.unlink()
    before = what_is_read(folder)
    renamed(folder, case)
    after = what_is_read(folder)
    if before["angles"] is not None:
        # The source is a file name.
        before["angles"], after["angles"] = before["angles"].sun_zenith, after["angles"].sun_zenith
    assert after == before
