"""Shares of a labelled set by the strata of PANGAEA: few labels still hold every mixture of classes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geoseg.methods.accuracy import IGNORE

BINS = 3
"""Bins of the share of a class in an image."""

Stratum = tuple[int, ...]
"""Bin of each class: -1 (absent), 0, 1, 2."""


def stratum_of(label: NDArray[np.uint8], classes: int) -> Stratum:
    """Return the stratum of an image.

    Args:
        label: (H, W) classes 0..K-1; `IGNORE` is not counted.
        classes: K.

    Returns:
        ceil(3 share) - 1 of each class; all -1 for an image without a label.
    """
    counts = np.bincount(label[label != IGNORE], minlength=classes)
    total = int(counts.sum())
    # The equation of PANGAEA, in integers: 3 count / total rounded up has no rounding error at 1/3 and 2/3.
    return tuple(-(-BINS * int(count) // total) - 1 if total else -1 for count in counts)


def draw_share(strata: Sequence[Stratum], share: float, seed: int) -> tuple[int, ...]:
    """Draw images of each stratum without replacement.

    Of n images in a stratum, max(1, n share) are drawn, rounded down: no stratum is lost, and the sum is not
    exactly the share of all images.

    Args:
        strata: of each image.
        share: 0..1; 1 keeps every image.
        seed: of the draw.

    Returns:
        Sorted indices of the images that are kept.
    """
    if share >= 1:
        return tuple(range(len(strata)))
    generator = np.random.default_rng(seed)
    kept: list[int] = []
    for stratum in sorted(set(strata)):
        members = [index for index, found in enumerate(strata) if found == stratum]
        # 0.29 x 100 is 28.999999999999996 in binary: round before the floor.
        number = max(1, math.floor(round(len(members) * share, 9)))
        kept += [members[place] for place in generator.choice(len(members), number, replace=False)]
    return tuple(sorted(kept))
