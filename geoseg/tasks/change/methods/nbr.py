"""Difference of the normalised burn ratio."""

from __future__ import annotations

from dataclasses import dataclass

from geoseg.tasks.change.index_difference import IndexDifference, loss_and_gain


@dataclass(frozen=True, kw_only=True, eq=False)
class Nbr(IndexDifference):
    """Difference of the normalised burn ratio from its mean difference, at least 0.1."""

    name = "nbr"
    title = "difference of the normalised burn ratio"
    citation = "Key & Benson 2006"
    bands = ("nir", "swir22")
    preference = 5
    directions = loss_and_gain("NBR")
