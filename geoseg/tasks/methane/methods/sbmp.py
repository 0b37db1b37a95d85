"""One band on two dates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geoseg.methods.methane_column import fit_ratio, ratio_change
from geoseg.tasks.methane.method import Image, RetrievalNeeds, TwoBandMethod, TwoBands, mean_known


class Sbmp(TwoBandMethod):
    """Relative change of swir22 against swir22 of the reference scenes."""

    name = "sbmp"
    title = "single band, multi-pass"
    citation = "Varon 2021, doi:10.5194/amt-14-2771-2021"
    needs = RetrievalNeeds(kind="multispectral", reference=True)
    preference = 3
    weak_band_absorbs = False

    def slope(self, day: TwoBands, references: Sequence[TwoBands]) -> float:
        """Return the slope of the band of the references against that of the scene."""
        return fit_ratio(day.strong, mean_known([item.strong for item in references]))

    def change(
        self,
        day: TwoBands,
        references: Sequence[TwoBands],
        reference_change: Image | None,  # noqa: ARG002
        c: float,
    ) -> NDArray[np.float64]:
        """Return the change between the dates."""
        return ratio_change(day.strong, mean_known([item.strong for item in references]), c)
