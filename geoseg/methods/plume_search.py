"""Which spots of an enhancement map are plumes: threshold, shape, and how many arise by chance.

Noise of a retrieval is as often below the background as above it, a plume is only above. The map turned
upside down therefore shows what chance makes of this very scene (as in radio astronomy: Serra 2012,
doi:10.1071/AS11065), and the strength of its spots says how many false ones to expect beyond any strength.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from geoseg.errors import SceneError

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

CROSS = ndimage.generate_binary_structure(2, 1)
"""A pixel and its four neighbours."""

MEDIAN = 3
"""Pixels a side of the median filter."""

MARGIN = MEDIAN // 2 + 2
"""Pixels around a pixel that decide on it: the median's, and one each for erosion and dilation."""

MAD_TO_STD = 1.4826
"""A normal distribution's standard deviation by its median absolute deviation."""

PRIOR_INDEX, PRIOR_WEIGHT = 4.0, 2.0
"""Exponent of the tail of false spots where few are seen, and how many spots it counts for."""

TAIL = 50
"""Strongest false spots whose tail is fitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """An enhancement map where there is no plume, ppm·m, after the median filter."""

    mean: float
    """Its median, which plumes do not move."""
    std: float
    """By the median absolute deviation, which plumes do not move either."""
    pixel_std: float
    """The same without the filter: the noise of one pixel."""


def background_of(filtered: Sequence[Image], raw: Sequence[Image]) -> Background:
    """Describe the background of a scene.

    Args:
        filtered: enhancement after `smooth`, any shapes, NaN where not known.
        raw: the same before.

    Raises:
        SceneError: nothing is known.
    """
    values = np.concatenate([part[np.isfinite(part)] for part in filtered])
    single = np.concatenate([part[np.isfinite(part)] for part in raw])
    if values.size < 2 or single.size < 2:
        raise SceneError("no clear land pixel has a methane column: the scene is cloud, water or nodata")
    mean, std = centre_and_spread(values)
    if not std > 0:
        raise SceneError("the methane columns have no noise: both bands hold the same values")
    return Background(mean=mean, std=std, pixel_std=centre_and_spread(single)[1])


def centre_and_spread(values: NDArray[np.floating]) -> tuple[float, float]:
    """Median, and the standard deviation by the median absolute deviation."""
    middle = float(np.median(values))
    return middle, MAD_TO_STD * float(np.median(np.abs(values - middle)))


def smooth(enhancement: Image, fill: float) -> Image:
    """Return the 3 x 3 median, NaN where the pixel itself is not known.

    Args:
        enhancement: (H, W), NaN where not known.
        fill: what unknown neighbours count as: the background.
    """
    known = np.isfinite(enhancement)
    filled = np.where(known, enhancement, np.float32(fill)).astype(np.float32)
    middle = ndimage.median_filter(filled, MEDIAN, mode="constant", cval=fill)
    return np.where(known, middle, np.float32(np.nan)).astype(np.float32)


def spots(filtered: Image, threshold: float) -> Mask:
    """Say where the filtered enhancement is above a threshold and not only along threads of one pixel.

    The opening with a 3 x 3 cross takes away what is nowhere three pixels wide.
    """
    above = np.asarray(filtered > np.float32(threshold))
    return np.asarray(ndimage.binary_opening(above, CROSS))


def strength(excess_sigmas: NDArray[np.float64], pixels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how strong spots are: mean excess over the background in its deviations, times sqrt(pixels)."""
    return np.asarray(excess_sigmas * np.sqrt(pixels))


@dataclass(frozen=True, kw_only=True, eq=False)
class FalseAlarms:
    """How many spots a scene shows by chance, by their strength."""

    strengths: NDArray[np.float64]
    """Of the spots of the map turned upside down, descending."""
    least: float
    """Strength of the weakest spot that could be found."""

    def expected(self, strengths: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how many false spots of each strength or more the scene should show.

        A power law through the strongest `TAIL` ones (Hill 1975, doi:10.1214/aos/1176343247), its exponent
        drawn towards `PRIOR_INDEX` where they are few; weaker spots are counted.
        """
        count = len(self.strengths)
        top = self.strengths[: min(count, TAIL)]
        base = float(top[-1]) if count else self.least
        logs = float(np.log(top / base).sum()) if count else 0.0
        index = (max(len(top) - 1, 0) + PRIOR_WEIGHT) / (logs + PRIOR_WEIGHT / PRIOR_INDEX)
        # One more than seen: that none was seen does not say that none can be.
        tail = (len(top) + 1) * np.maximum(strengths / base, 1.0) ** -index
        above = count - np.searchsorted(self.strengths[::-1], strengths, side="left")
        return np.asarray(np.where(strengths >= base, tail, above + 1.0))
