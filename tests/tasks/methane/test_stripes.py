"""Stripes are told from noise, from ground and from plumes."""

from __future__ import annotations

import numpy as np
import pytest

from geoseg.tasks.methane.stripes import Stripes


def _found(values: np.ndarray) -> float | None:
    stripes = Stripes(values.shape[1])
    for part in np.array_split(values.astype(np.float32), 5):
        stripes.add(part)
    return stripes.difference()


def test_stripes_are_measured_and_noise_is_not() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 100, (1000, 200))
    assert _found(noise) is None
    ground = noise + np.linspace(-300, 300, 200)
    assert _found(ground) is None
    plume = noise.copy()
    plume[400:500, 50:80] += 3000
    assert _found(plume) is None
    striped = noise + 50 * (-1) ** np.arange(200)
    striped[rng.random(striped.shape) < 0.1] = np.nan
    assert _found(striped) == pytest.approx(100, rel=0.05)


def test_short_columns_say_nothing() -> None:
    assert _found(np.tile([0.0, 100.0], (50, 10))) is None
