"""Two bands on one date."""

from __future__ import annotations

from geoseg.tasks.methane.method import RetrievalNeeds, TwoBandMethod


class Mbsp(TwoBandMethod):
    """Relative change of swir22 against swir16; surfaces with unusual spectra look like methane."""

    name = "mbsp"
    title = "multi-band, single pass"
    citation = "Varon 2021, doi:10.5194/amt-14-2771-2021"
    needs = RetrievalNeeds(kind="multispectral")
    preference = 2
    caveat_without_reference = (
        "no reference scene is given: roofs, soils and clearings with unusual spectra can look like methane, "
        "more often than the estimated number of false alarms; give `--reference SCENE`, a scene of the same "
        "place without a plume"
    )
