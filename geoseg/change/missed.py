"""Whether a comparison misses change that the spectral classes of both dates show plainly.

MAD and IR-MAD take what most pixels do for no change. Where a flood or a clearing covers a large part of a
scene, its change enters these statistics and is missed. The spectral classes of one date do not depend on the
other date, so that a comparison can be checked by them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geoseg.change.choose import Choice
from geoseg.change.session import ChangeSession
from geoseg.pixels import Pixels
from geoseg.spec import SpectralSpec

PLAIN = (("water", "dense vegetation"), ("water", "bare or built"), ("dense vegetation", "bare or built"))
"""Pairs of classes between which ground does not pass with the season or the light."""

LEAST_SHARE = 0.05
"""Share of a sample that must change plainly before a comparison is checked by it: in cities, longer shadows
make 3 % of a scene look like water."""

LEAST_FOUND = 0.5
"""Share of plain change that a comparison must find."""


@dataclass(frozen=True, kw_only=True)
class PlainChange:
    """Change that the classes of both dates show."""

    share: float
    """Of the sample, 0..1."""
    found: float
    """The part of it that the comparison finds, 0..1."""

    @property
    def missed(self) -> bool:
        """Whether most of it is missed, and there is enough of it to check by."""
        return self.share >= LEAST_SHARE and self.found < LEAST_FOUND

    @property
    def text(self) -> str:
        """One line for people."""
        return (
            f"{self.share:.0%} of the sample turns from one of water, dense vegetation and bare ground into "
            f"another, and only {self.found:.0%} of that is above the threshold"
        )


def plain_change(choice: Choice, blocks: Sequence[Pixels], land: SpectralSpec | None) -> PlainChange:
    """Compare what a fitted comparison finds in a sample with what the classes of both dates show.

    Args:
        choice: fitted, with its rules.
        blocks: of the sample: the first date's channels, then the second's.
        land: the spectral classes; None: there are none, and nothing counts as missed.
    """
    values = {item.label: item.value for item in land.classes} if land is not None and choice.rules else {}
    pairs = [
        (values[one], values[other])
        for pair in PLAIN
        for one, other in (pair, pair[::-1])
        if one in values and other in values
    ]
    session = ChangeSession(choice)
    seen = changed = found = 0
    for block in blocks if pairs else ():
        planes = session(block.physical()[np.newaxis])[0]
        plain = np.zeros(block.valid.shape, np.bool_)
        for before, after in pairs:
            plain |= (planes[2] == before) & (planes[3] == after)
        plain &= block.valid
        seen += int(np.count_nonzero(block.valid))
        changed += int(np.count_nonzero(plain))
        found += int(np.count_nonzero(plain & (planes[0] > 0.5)))
    return PlainChange(share=changed / max(seen, 1), found=found / max(changed, 1))
