"""Find the alpha band of a stack, which masks the others and holds no data."""

from __future__ import annotations

import logging

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
        if _holds_alpha(raster, tagged):
            return tagged
        note(LOG, f"band {tagged} is tagged as alpha but its values vary: it is read as data")
        return None
    last = raster.count
    if labelled or last not in _WITH_ALPHA or any(raster.descriptions) or raster.masked:
        return None
    if any(raster.dtypes[index - 1].kind not in "iu" for index in (1, last)):
        return None
    values = set(np.unique(raster.sample(last)).tolist())
    # 0 and 1 may be a class.
    if 1 in values or values == {0} or not _holds_alpha(raster, last) or _holds_alpha(raster, 1):
        return None
    note(LOG, f"{base_name(raster.path)}: band {last} has two values at most and is read as an alpha band")
    return last


def _holds_alpha(raster: Raster, index: int) -> bool:
    """Return whether the values of a band are 0 and the highest of its dtype, 255 or 1."""
    dtype = raster.dtypes[index - 1]
    high = np.iinfo(dtype).max if dtype.kind in "iu" else 1
    return set(np.unique(raster.sample(index)).tolist()) <= {0, 1, 255, high}
