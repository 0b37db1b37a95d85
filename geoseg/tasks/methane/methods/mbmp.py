"""Two bands on two dates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geoseg.tasks.methane.method import Image, RetrievalNeeds, TwoBandMethod, TwoBands


class Mbmp(TwoBandMethod):
    """Relative change of swir22 against swir16, minus that of the reference scenes."""

    name = "mbmp"
    title = "multi-band, multi-pass"
    citation = "Varon 2021, doi:10.5194/amt-14-2771-2021"
    needs = RetrievalNeeds(kind="multispectral", reference=True)
    preference = 1

    def change(
        self, day: TwoBands, references: Sequence[TwoBands], reference_change: Image | None, c: float
    ) -> NDArray[np.float64]:
        """Return the change between the two bands, minus that of the references."""
        change = super().change(day, references, reference_change, c)
        return change if reference_change is None else change - reference_change
