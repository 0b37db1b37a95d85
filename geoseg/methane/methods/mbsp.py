"""Two bands on one day."""

from __future__ import annotations

from geoseg.methane.method import Needs, TwoBandMethod


class Mbsp(TwoBandMethod):
    """swir22 with swir16 of the same moment; takes odd-coloured ground for gas."""

    name = "mbsp"
    title = "multi-band, single pass"
    citation = "Varon 2021, doi:10.5194/amt-14-2771-2021"
    needs = Needs(kind="multispectral")
    preference = 2
    caveat_without_reference = (
        "one day alone: roofs, soils and clearings of another colour look like gas, more often than the "
        "false alarms say; give --reference SCENE, the same place on a day without plume"
    )
