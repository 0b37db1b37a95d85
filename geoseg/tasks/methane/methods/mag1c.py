"""mag1c, a sparse matched filter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from geoseg.tasks.methane.method import RetrievalNeeds, SpectrometerMethod

if TYPE_CHECKING:
    from geoseg.methods.matched_filter import Chunk, Matrix, Over


class Mag1c(SpectrometerMethod):
    """Matched filter with albedo correction and a sparse, non-negative enhancement."""

    name = "mag1c"
    title = "mag1c (albedo-corrected, sparse matched filter)"
    citation = "Foote 2020, doi:10.1109/TGRS.2020.2976888"
    needs = RetrievalNeeds(kind="spectrometer")
    preference = 1

    def retrieve(self, chunks: Sequence[Chunk], absorption: Matrix, over: Over) -> None:
        """Retrieve a group by mag1c."""
        from geoseg.methods.matched_filter import mag1c_group  # noqa: PLC0415 - only for spectrometers

        mag1c_group(chunks, absorption, over=over)
