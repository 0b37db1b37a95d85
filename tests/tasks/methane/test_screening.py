"""What speaks against a plume: a reference that shows it already, and not one that is merely noisy."""

from __future__ import annotations

import numpy as np
import pytest

from geoseg.grid import Window
from geoseg.tasks.methane.plume_rates import PlumeWindow, screens
from geoseg.tasks.methane.retrieval import ALBEDO, CH4, CLOUD, REFERENCE_CH4, SIGNAL, WATER

SIDE, END = 40, 11_000.0
"""Pixels a side; where the table ends, ppm·m."""


def levelled(signal: float, before: float) -> PlumeWindow:
    """A plume of a signal over ground of 0, on a day whose reference alone shows `before` there."""
    rows, cols = np.mgrid[0:SIDE, 0:SIDE]
    mask = (abs(rows - 20) < 3) & (abs(cols - 20) < 6)
    ring = (abs(rows - 20) < 12) & (abs(cols - 20) < 15) & ~((abs(rows - 20) < 5) & (abs(cols - 20) < 8))

    def flat(value: float) -> np.ndarray:
        return np.where(mask, value, 0).astype(np.float32)

    bands = {
        SIGNAL: flat(signal),
        CH4: flat(min(signal, END)),
        REFERENCE_CH4: flat(before),
        WATER: flat(0),
        CLOUD: flat(0),
        ALBEDO: flat(0) + 0.3,
    }
    return PlumeWindow(
        window=Window(row=0, col=0, height=SIDE, width=SIDE),
        region=mask,
        mask=mask,
        bands=bands,
        search_band=SIGNAL,
        areas_m2=np.full((SIDE, SIDE), 400.0),
        above=bands[CH4],
        filtered=flat(5),
        usable=~mask,
        ring=ring,
        noise=1.0,
    )


@pytest.mark.parametrize(
    ("signal", "before", "passes"),
    [
        (8000, 1000, True),
        (8000, 5000, False),
        (8000, -5000, False),
        # A column ends with the table, what the reference shows does not.
        (40_000, 7000, True),
        (40_000, 25_000, False),
    ],
)
def test_surface(signal: float, before: float, passes: bool) -> None:
    passed, failed = screens(levelled(signal, before))
    assert ("surface" in passed) is passes
    assert ("surface" in failed) is not passes
