"""mag1c."""

from __future__ import annotations

from collections.abc import Sequence

from geoseg.methane.method import Needs, SpectrometerMethod
from geoseg.methods.matched_filter import Chunk, Matrix, mag1c_group


class Mag1c(SpectrometerMethod):
    """As `matched-filter`, weighted by albedo, and sparse: few pixels hold gas and none less than none."""

    name = "mag1c"
    title = "mag1c (albedo-corrected, sparse matched filter)"
    citation = "Foote 2020, doi:10.1109/TGRS.2020.2976888"
    needs = Needs(kind="spectrometer")
    preference = 1

    def retrieve(self, chunks: Sequence[Chunk], absorption: Matrix) -> None:
        """Retrieve a group by mag1c."""
        mag1c_group(chunks, absorption)
