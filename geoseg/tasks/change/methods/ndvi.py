"""Difference of the normalised difference vegetation index."""

from __future__ import annotations

from dataclasses import dataclass

from geoseg.tasks.change.index_difference import IndexDifference, loss_and_gain


@dataclass(frozen=True, kw_only=True, eq=False)
class Ndvi(IndexDifference):
    """Difference of NDVI from its mean difference, at least 0.1."""

    name = "ndvi"
    title = "difference of NDVI"
    citation = "Tucker 1979, doi:10.1016/0034-4257(79)90013-0"
    bands = ("nir", "red")
    preference = 4
    directions = loss_and_gain("NDVI")
