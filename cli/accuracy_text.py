"""The strata of a stratified sample as text."""

from __future__ import annotations

from geoseg.learn.evaluate.sample_drawing import DrawnSample
from geoseg.text_columns import align

from .show import area_text


def strata_text(drawn: DrawnSample) -> str:
    """Return a table of the strata and the number of points of each."""
    rows: list[tuple[str, ...]] = [("class", "pixels", "area", "points")]
    for item in drawn.strata:
        area = "" if item.area_m2 is None else area_text(item.area_m2)
        rows.append((f"{item.label} ({item.value})", f"{item.pixels:,}", area, f"{item.drawn:,}"))
    return align(rows, right=(1, 2, 3))
