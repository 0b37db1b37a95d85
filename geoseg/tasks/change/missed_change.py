"""Find whether a comparison misses change that is evident from the spectral classes of both dates.

MAD and IR-MAD treat the behaviour of most pixels as no change. Where a flood or a clearing covers a large
part of a scene, its change enters these statistics and is missed. The spectral classes of one date do not
depend on the other date, so that they can check a comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label, maximum

from geoseg.pixels import Pixels
from geoseg.spec import SpectralSpec
from geoseg.tasks.change.choose import Comparison
from geoseg.tasks.change.session import ChangeSession
from geoseg.tasks.change.threshold import SEED_SCORE

EVIDENT = (("water", "dense vegetation"), ("water", "bare or built"), ("dense vegetation", "bare or built"))
"""Pairs of classes between which season and light cause no change."""

LEAST_SHARE = 0.05
"""Least share of a sample with evident change that a comparison is checked by: in cities, longer shadows look
like water in 3 % of a scene."""

LEAST_FOUND = 0.5
"""Share of evident change that a comparison must find."""


@dataclass(frozen=True, kw_only=True)
class EvidentChange:
    """Change that is evident from the classes of both dates."""

    share: float
    """Share of the sample, 0..1."""
    found: float
    """Share of it that the comparison finds, 0..1."""

    @property
    def missed(self) -> bool:
        """Whether there is enough evident change to check by, and most of it is missed."""
        return self.share >= LEAST_SHARE and self.found < LEAST_FOUND

    @property
    def text(self) -> str:
        """Both shares as the beginning of a message."""
        return (
            f"{self.share:.0%} of the sample turns from one of water, dense vegetation and bare ground into "
            f"another, and only {self.found:.0%} of that is above the threshold"
        )


def evident_change(
    comparison: Comparison, blocks: Sequence[Pixels], land: SpectralSpec | None
) -> EvidentChange:
    """Count the evident change of a sample, and the part of it that a fitted comparison finds.

    Args:
        comparison: fitted, with rules.
        blocks: the sample: channels of the first date, then of the second.
        land: the spectral classes; None: no change is evident.
    """
    values = (
        {item.label: item.value for item in land.classes} if land is not None and comparison.rules else {}
    )
    pairs = [
        (values[one], values[other])
        for pair in EVIDENT
        for one, other in (pair, pair[::-1])
        if one in values and other in values
    ]
    session = ChangeSession(comparison)
    observed = changed = found = 0
    for block in blocks if pairs else ():
        planes = session(block.physical()[np.newaxis])[0]
        evident = np.zeros(block.valid.shape, np.bool_)
        for before, after in pairs:
            evident |= (planes[2] == before) & (planes[3] == after)
        evident &= block.valid
        observed += int(np.count_nonzero(block.valid))
        changed += int(np.count_nonzero(evident))
        found += int(np.count_nonzero(evident & _mapped(planes[0], comparison)))
    return EvidentChange(share=changed / max(observed, 1), found=found / max(changed, 1))


def _mapped(score: NDArray[np.float32], comparison: Comparison) -> NDArray[np.bool_]:
    """Return which pixels (H, W) of a block are mapped: above the threshold, in places with a seed."""
    above = score > 0.5
    if comparison.seed is None or not above.any():
        return above
    places, count = label(above)
    return np.asarray(maximum(score, places, np.arange(count + 1))[places] * above >= SEED_SCORE)
