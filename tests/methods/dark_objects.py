"""The dark object of a band that is in memory, to compare with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geoseg.methods.dark_object import DARKEST, LEFT


def dark_object(values: NDArray[np.floating]) -> float:
    """Return the reflectance of the dark object of a band above its surface reflectance; 0 without pixels."""
    observed = values[np.isfinite(values)]
    return max(0.0, float(np.percentile(observed, DARKEST)) - LEFT) if observed.size else 0.0
