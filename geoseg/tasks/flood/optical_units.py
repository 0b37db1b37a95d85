"""Check that the optical bands that one index reads are in one unit, and that reflectance is in 0..1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import SceneError
from geoseg.scenes import Scene
from geoseg.scenes.one_unit import check_one_unit
from geoseg.scenes.reflectance_check import HIGHEST_MEDIAN
from geoseg.scenes.sensor_kind import kind_of
from geoseg.tasks.flood.choice import Candidates


def check_units(scenes: Sequence[Scene], candidates: Candidates) -> None:
    """Raise SceneError where a method would compare optical bands in different units.

    Args:
        scenes: of the map, then the earlier ones.
        candidates: the methods and their bands.
    """
    for scene in scenes:
        for choice in candidates.choices if kind_of(scene) != "sar" else ():
            for group in choice.groups:
                check_one_unit(scene, group, f"method {choice.method.name}")


def check_reflectance(scene: Scene, candidates: Candidates, blocks: Sequence[NDArray[np.float32]]) -> None:
    """Raise SceneError where optical bands that should be reflectance lie far above 1.

    Args:
        scene: of the map.
        candidates: the methods and their bands, of which those of the first are checked.
        blocks: a sample (C, h, w) with the bands of the candidates; NaN where not observed.
    """
    if kind_of(scene) == "sar":
        return
    for name in candidates.choices[0].measured:
        index = candidates.bands.index(name)
        values = [block[index] for block in blocks]
        count = sum(int(np.count_nonzero(np.isfinite(item))) for item in values)
        above = sum(int(np.count_nonzero(item > HIGHEST_MEDIAN)) for item in values)
        # Where fewer than half of the values are above the limit, their median is not.
        if scene.units(name) != "reflectance" or not count or 2 * above < count:
            continue
        middle = float(np.median(np.concatenate([item[np.isfinite(item)] for item in values])))
        if middle > HIGHEST_MEDIAN:
            raise SceneError(
                f"{scene.name}: {name} has a median of {middle:.3g}, and reflectance lies in 0..1: its scale "
                "or offset is wrong. Correct it in the metadata (STAC raster:bands, `gdal_edit.py -scale`), "
                "or name the sensor with `--sensor`"
            )
