"""The classical matched filter."""

from __future__ import annotations

from collections.abc import Sequence

from geoseg.methane.method import Needs, SpectrometerMethod
from geoseg.methods.matched_filter import Chunk, Matrix, filter_group


class MatchedFilter(SpectrometerMethod):
    """Radiance with methane's absorption, against one normal distribution of background."""

    name = "matched-filter"
    title = "matched filter"
    citation = "Thompson 2015, doi:10.5194/amt-8-4383-2015"
    needs = Needs(kind="spectrometer")
    preference = 2

    def retrieve(self, chunks: Sequence[Chunk], absorption: Matrix) -> None:
        """Retrieve a group by the matched filter."""
        filter_group(chunks, absorption)
