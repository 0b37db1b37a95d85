"""Find the alpha band of a stack, which masks the others and holds no data."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from geoseg.messages import note
from geoseg.scenes.raster import Raster, base_name

LOG = logging.getLogger(__name__)

_WITH_ALPHA = frozenset({4, 5, 9})
"""Numbers of bands of stacks of three, four and eight bands with an alpha band."""


def alpha_band(raster: Raster, *, labelled: bool) -> int | None:
    """Return the 1-based index of the alpha band of a file; None: it has none.

    A band with the colour interpretation alpha is one only if its values are 0 and the highest of the dtype;
    else it holds data, as the near infrared of NAIP does. Without a tag it is one if it is the last of the
    bands without names of a stack of integers: in the usual order of a sensor it would be read as near
    infrared.

    Args:
        raster: an open file.
        labelled: whether its product names its bands.
    """
    tagged = raster.alpha_candidate
    if tagged is not None:
        if _is_alpha(_distinct(raster, tagged), raster.dtypes[tagged - 1]):
            return tagged
        note(LOG, f"band {tagged} is tagged as alpha but its values vary: it is read as data")
        return None
    last = raster.count
    if labelled or last not in _WITH_ALPHA or any(raster.descriptions) or raster.masked:
        return None
    if any(raster.dtypes[index - 1].kind not in "iu" for index in (1, last)):
        return None
    values = _distinct(raster, last)
    # 0 and 1 may be a class.
    if 1 in values or values == {0} or not _is_alpha(values, raster.dtypes[last - 1]):
        return None
    if _is_alpha(_distinct(raster, 1), raster.dtypes[0]):
        return None
    note(LOG, f"{base_name(raster.path)}: band {last} has two values at most and is read as an alpha band")
    return last


def _distinct(raster: Raster, index: int) -> set[float]:
    """Return the different values of a sample of a band."""
    return set(np.unique(raster.sample(index)).tolist())


def _is_alpha(values: set[float], dtype: np.dtype[Any]) -> bool:
    """Return whether values are 0 and the highest of their dtype, 255 or 1."""
    high = np.iinfo(dtype).max if dtype.kind in "iu" else 1
    return values <= {0, 1, 255, high}
