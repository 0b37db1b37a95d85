"""The strata of a sample as text."""

from __future__ import annotations

from geoseg.learn.evaluate.sample_drawing import Drawn

from .console import columns
from .show import area_text


def strata_text(drawn: Drawn) -> str:
    """Lay out what was drawn."""
    rows: list[tuple[str, ...]] = [("class", "pixels", "area", "points")]
    for item in drawn.strata:
        own = item.stratum
        area = "" if own.area_m2 is None else area_text(own.area_m2)
        rows.append((f"{own.label} ({own.value})", f"{own.pixels:,}", area, f"{item.drawn:,}"))
    return columns(rows, right=(1, 2, 3))
