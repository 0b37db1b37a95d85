"""Find fill of radar scenes in dB by their values, where no nodata value is known."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from geoseg.messages import note
from geoseg.scenes.bands import Band

LOG = logging.getLogger(__name__)

_OFTEN = 0.005
"""Share of a band from which its most frequent value may be fill."""
_TOGETHER = 0.99
"""Share of the most frequent value of each band that lies where all bands have theirs."""
_GAP_DB = 3.0
"""dB around fill in which one band has hardly any value; values that were cut off there have many."""
_IN_GAP = 0.01
"""Most values in the gap for each value of fill."""


def with_fill(bands: Sequence[Band]) -> list[Band]:
    """Return the bands with their most frequent value as nodata, where it is fill in all bands at once.

    Speckle hardly gives one value twice. Many pixels of one value were cut off there, or are fill such as -30
    or -50 dB. A cut shows in the darker polarisation first and has values just above it; fill lies in the
    same pixels of all bands, as one value, with a gap around it in one band at least.

    Args:
        bands: polarisations, scaled by product or file.
    """
    if len(bands) < 2 or not all(_of_unknown_fill(band) for band in bands):
        return list(bands)
    if any(band.raster.grid != bands[0].raster.grid for band in bands):
        return list(bands)
    values = np.stack([band.raster.sample(band.index).astype(np.float64) for band in bands])
    values = values[:, np.isfinite(values).all(axis=0)]
    if not values.size:
        return list(bands)
    modes = np.array([[_most_frequent(row)] for row in values])
    fill = values == modes
    counts, shared = fill.sum(axis=1), np.count_nonzero(fill.all(axis=0))
    near = (~fill & (np.abs(values - modes) <= _GAP_DB)).sum(axis=1)
    if (
        (modes >= 0).any()
        or (modes != modes[0]).any()
        or shared < _OFTEN * values.shape[1]
        or (counts == values.shape[1]).any()
        or (shared < _TOGETHER * counts).any()
        or (near > _IN_GAP * counts).all()
    ):
        return list(bands)
    found = [replace(band, nodata=float(value)) for band, value in zip(bands, modes[:, 0], strict=True)]
    note(LOG, f"{modes[0, 0]:g} dB, the same pixels of all bands, is read as nodata: hardly a value is near")
    return found


def _most_frequent(values: NDArray[np.float64]) -> float:
    """Return the most frequent value, (n,)."""
    found, counts = np.unique(values, return_counts=True)
    return float(found[counts.argmax()])


def _of_unknown_fill(band: Band) -> bool:
    """Return whether a band holds floats without a nodata value in its file, other than 0 of the sensor."""
    stated = band.raster.nodata[band.index - 1] is not None or band.raster.masked
    return band.dtype.kind == "f" and not stated and band.nodata in {None, 0}
