"""Simulate bright homogeneous ground with sensor noise, for comparison with published detection limits.

Published detection limits of 1 to 3 t/h apply to bright homogeneous desert, which available scenes seldom
show.
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
"""Side of the scene in pixels of 20 m."""

REFLECTANCE = {"B11": 0.55, "B12": 0.48}
"""Reflectance of bright sand by band."""

DATES = {"before": "20190601", "after": "20190621"}

TAGS = {"SIMULATED": "homogeneous ground with noise, simulated by geoseg; not an observation"}


def write_ground(folder: Path, noise: float, seed: int) -> ScenePair:
    """Write homogeneous ground at two dates as digital numbers of Sentinel-2.

    Args:
        folder: output folder; created if missing.
        noise: standard deviation of the relative change between the two bands (MBSP), for example 0.01. That
            of a single band is smaller by the square root of two, that of MBMP greater by the square root of
            two.
        seed: seed of the noise.

    Raises:
        UsageError: the noise is out of range.
        OutputError: the folder cannot be written.
    """
    if not 0 < noise < 0.2:
        raise UsageError(f"`--ground {noise:g}`: the noise must be between 0 and 0.2, for example 0.01")
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
