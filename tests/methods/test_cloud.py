from __future__ import annotations

import numpy as np

from geoseg.methods.cloud import clouds, shadow_candidates, too_bright_for_water


def one(value: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.array([[value]], np.float32)


def test_what_is_cloud() -> None:
    assert clouds(one(0.5), one(0.5), one(0.5), one(0.55)).all()
    clear = {
        "water": (0.06, 0.08, 0.05, 0.03),
        "turbid water": (0.12, 0.2, 0.22, 0.12),
        "vegetation": (0.04, 0.08, 0.05, 0.4),
        "sand": (0.15, 0.28, 0.42, 0.45),
    }
    for name, (blue, green, red, nir) in clear.items():
        assert not clouds(one(blue), one(green), one(red), one(nir)).any(), name


def test_bright_sand_is_no_cloud_by_its_infrared() -> None:
    sand = one(0.24), one(0.31), one(0.38), one(0.45)
    assert clouds(*sand).all()
    assert not clouds(*sand, swir16=one(0.62)).any()
    assert clouds(one(0.5), one(0.5), one(0.5), one(0.55), swir16=one(0.4)).all()


def test_cirrus_shows_where_nothing_else_does() -> None:
    bands = one(0.06), one(0.08), one(0.05), one(0.3)
    assert not clouds(*bands).any()
    assert clouds(*bands, cirrus=one(0.02)).all()


def test_snow_is_too_bright_for_water() -> None:
    assert too_bright_for_water(one(0.7)).all()
    assert not too_bright_for_water(one(0.1)).any()
    assert not too_bright_for_water(one(np.nan)).any()


def test_shadow_is_sought_near_clouds_only() -> None:
    cloud = np.zeros((40, 40), np.bool_)
    cloud[5, 5] = True
    nir = np.full((40, 40), 0.05, np.float32)
    index = np.zeros((40, 40), np.float32)
    index[8, 8] = 0.6
    found = shadow_candidates(cloud, nir, index, 10)
    assert found[10, 10]
    assert not found[8, 8]
    assert not found[30, 30]
    assert not found[5, 5]
    assert not shadow_candidates(cloud, nir + 0.3, index, 10).any()


def test_shadow_depends_on_its_reach_only() -> None:
    rng = np.random.default_rng(0)
    cloud = np.asarray(rng.random((60, 60)) < 0.01)
    nir = rng.random((60, 60), np.float32) / np.float32(5)
    index = rng.random((60, 60), np.float32) - np.float32(0.5)
    whole = shadow_candidates(cloud, nir, index, 4)
    part = np.s_[10:50, 12:52]
    crop = shadow_candidates(cloud[part], nir[part], index[part], 4)
    assert np.array_equal(crop[4:-4, 4:-4], whole[14:46, 16:48])
