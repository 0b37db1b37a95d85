"""The normalised difference water index."""

from __future__ import annotations

from geoseg.flood.optical import NormalisedDifference, index_threshold


class Ndwi(NormalisedDifference):
    """Green against near infrared; built-up land is hard to tell from water."""

    name = "ndwi"
    title = "NDWI"
    measured = "NDWI"
    formula = "(G − NIR) / (G + NIR)"
    citation = "McFeeters 1996, doi:10.1080/01431169608948714"
    bands = ("green", "nir")
    # Built-up land lies just below 0 (Xu 2006), so nothing well below 0 is believed.
    threshold = index_threshold(lowest=-0.05)
    preference = 2
    suits = "optical with green and NIR but no SWIR"

    def caveats(self, scenes_before: int, pixel_size_m: tuple[float, float]) -> tuple[str, ...]:  # noqa: ARG002
        """Warn of towns."""
        return (
            "NDWI takes bright roofs and bare ground for water in towns; with a SWIR band MNDWI tells them "
            "apart. Look at built-up areas",
        )
