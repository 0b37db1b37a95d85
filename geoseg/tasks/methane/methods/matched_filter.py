"""The classical matched filter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from geoseg.tasks.methane.method import RetrievalNeeds, SpectrometerMethod

if TYPE_CHECKING:
    from geoseg.methods.matched_filter import Chunk, Matrix, Over


class MatchedFilter(SpectrometerMethod):
    """Detects the absorption spectrum of methane in radiance with a normally distributed background."""

    name = "matched-filter"
    title = "matched filter"
    citation = "Thompson 2015, doi:10.5194/amt-8-4383-2015"
    needs = RetrievalNeeds(kind="spectrometer")
    preference = 2

    def retrieve(self, chunks: Sequence[Chunk], absorption: Matrix, over: Over) -> None:
        """Retrieve a group by the matched filter."""
        from geoseg.methods.matched_filter import filter_group  # noqa: PLC0415 - only for spectrometers

        filter_group(chunks, absorption, over=over)
