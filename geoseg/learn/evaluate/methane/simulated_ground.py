"""Simulated ground: bright, even, and noisy as a sensor is, to set the limits of literature beside.

What detection limits of 1 to 3 t/h are told of is bright homogeneous desert; scenes at hand seldom are.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

from geoseg.errors import UsageError
from geoseg.files.disk import writing
from geoseg.learn.evaluate.methane.trial import ScenePair
from geoseg.spec import SceneSpec

SIDE = 320
"""Pixels of 20 m."""

REFLECTANCE = {"B11": 0.55, "B12": 0.48}
"""Of bright sand."""

DATES = {"before": "20190601", "after": "20190621"}

TAGS = {"SIMULATED": "even ground with noise, made by geoseg; no observation"}


def write_ground(folder: Path, noise: float, seed: int) -> ScenePair:
    """Write even ground as it would be seen on two days, in Sentinel-2's whole numbers.

    Args:
        folder: where to; made where it is not there.
        noise: standard deviation of the relative change between the two bands (MBSP), such as 0.01; each
            band has it by the square root of two, and MBMP, of two days, that times the square root of two.
        seed: of the noise.

    Raises:
        UsageError: the noise is not above 0, or that of no ground.
        OutputError: the folder cannot be written.
    """
    if not 0 < noise < 0.2:
        raise UsageError(f"--ground {noise:g}: the noise is a share between 0 and 0.2, such as 0.01")
    rng = np.random.default_rng(seed)
    profile = {
        "driver": "GTiff",
        "count": 1,
        "dtype": "uint16",
        "height": SIDE,
        "width": SIDE,
        "crs": "EPSG:32631",
        "transform": Affine(20, 0, 500_000, 0, -20, 3_540_000),
    }
    for date, day in DATES.items():
        for band, level in REFLECTANCE.items():
            values = 10_000 * level * (1 + rng.normal(0, noise / np.sqrt(2), (SIDE, SIDE)))
            path = folder / date / f"T31RET_{day}T105031_{band}.tif"
            with writing(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                with rasterio.open(path, "w", **profile) as file:
                    file.write(np.rint(values).astype(np.uint16), 1)
                    file.update_tags(**TAGS)
    name = f"homogeneous {noise:.2%}"
    return ScenePair(
        name=name,
        scene=SceneSpec(paths=(str(folder / "after"),)),
        reference=(SceneSpec(paths=(str(folder / "before"),)),),
        ground=f"simulated ground, noise {noise:.2%}",
    )
