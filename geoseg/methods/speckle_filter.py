"""The speckle filters that a user can choose between, applied to backscatter in dB."""

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
"""Pixels around a pixel that its filtered value depends on."""


def filter_speckle(db: Image, speckle: Speckle, looks: float) -> Image:
    """Filter backscatter (H, W) in dB; the filters work in linear power.

    Args:
        db: NaN where not observed.
        speckle: the filter.
        looks: equivalent number of looks, for refined Lee.
    """
    if speckle == "none":
        return np.ascontiguousarray(db, np.float32)
    power = sar.to_power(db)
    return sar.to_db(refined_lee(power, looks) if speckle == "refined-lee" else sar.boxcar(power))
