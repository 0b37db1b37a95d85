"""Ground beside snow, by values of snow in sun and shade, of water and of bare ground."""

from __future__ import annotations

import numpy as np
import pytest

from geoseg.methods.snow import REACH, beside_snow

SNOW = (0.7, 0.6, 0.1)
SHADED_SNOW = (0.12, 0.11, 0.02)
WATER = (0.08, 0.03, 0.01)
SOIL = (0.12, 0.25, 0.3)
"""Reflectance of green, near infrared and 1.6 µm."""


def ground(
    left: tuple[float, float, float], right: tuple[float, float, float], side: int = 40
) -> list[np.ndarray]:
    columns = np.arange(side) < side // 2
    return [
        np.where(columns, a, b).astype(np.float32) * np.ones((side, 1), np.float32)
        for a, b in zip(left, right, strict=True)
    ]


@pytest.mark.parametrize(("other", "excluded"), [(SHADED_SNOW, True), (WATER, False)])
def test_shaded_snow_beside_snow_is_no_water_and_a_lake_is(
    other: tuple[float, float, float], excluded: bool
) -> None:
    found = beside_snow(*ground(SNOW, other))
    assert found[:, 20 : 20 + REACH - 1].all() == excluded
    assert not found[:, 20 + REACH :].any()


def test_without_snow_nothing_is_excluded() -> None:
    assert not beside_snow(*ground(SOIL, SHADED_SNOW)).any()


def test_a_few_bright_pixels_are_no_snow() -> None:
    bands = ground(SHADED_SNOW, SHADED_SNOW)
    for band, value in zip(bands, SNOW, strict=True):
        band[20, 18:22] = value
    assert not beside_snow(*bands).any()


def test_unobserved_pixels_are_no_snow() -> None:
    bands = ground(SNOW, SHADED_SNOW)
    for band in bands:
        band[:, :20] = np.nan
    assert not beside_snow(*bands).any()
