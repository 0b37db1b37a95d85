"""Speckle filters of `--speckle`, applied to backscatter in dB."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import numpy as np

from geoseg.methods import sar
from geoseg.methods.refined_lee import refined_lee
from geoseg.methods.sar import Image

Speckle = Literal["refined-lee", "boxcar", "none"]

SPECKLE_RADIUS: Mapping[Speckle, int] = MappingProxyType(
    {"refined-lee": sar.LEE_RADIUS, "boxcar": sar.BOXCAR_RADIUS, "none": 0}
)
"""Distance in pixels over which filtered values depend on their neighbours."""


def filter_speckle(db: Image, speckle: Speckle, looks: float) -> Image:
    """Return filtered backscatter (H, W) in dB; the filters work in linear power.

    Args:
        db: (H, W) in dB, NaN where not observed.
        speckle: name of the filter.
        looks: equivalent number of looks, for refined Lee.
    """
    if speckle == "none":
        return np.ascontiguousarray(db, np.float32)
    power = sar.to_power(db)
    return sar.to_db(refined_lee(power, looks) if speckle == "refined-lee" else sar.boxcar(power))
