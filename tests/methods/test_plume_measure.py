"""What a plume's pixels say: intervals that hold the truth, backgrounds, directions, screens."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from geoseg.methods.methane_rate import (
    MOL_PER_PPM_M,
    MOLAR_MASS,
    SECONDS,
    EffectiveWind,
    cross_section_rate,
)
from geoseg.methods.plume_measure import (
    _sums_of_patches,
    background_error,
    contrast,
    cut_pixels,
    grown_masks,
    likeness,
    main_axis,
    rate_interval,
    ring_around,
    share_near,
    step_from_ring,
    upwind_end,
)

EFFECTIVE = EffectiveWind(slope=0.33, offset=0.45, citation="")
AREAS = np.full((60, 60), 400.0)


def _square(side: int = 10, at: int = 20) -> np.ndarray:
    mask = np.zeros((60, 60), np.bool_)
    mask[at : at + side, at : at + side] = True
    return mask


def test_the_ring_keeps_its_distance() -> None:
    mask = _square()
    usable = np.ones(mask.shape, np.bool_)
    usable[:, :22] = False
    ring = ring_around(mask, usable)
    assert ring.any()
    assert not (ring & mask).any()
    assert not ring[:, :22].any()
    assert not ring[18:32, 18:32][mask[18:32, 18:32]].any()
    assert not ring[31, 25]
    assert ring[33, 25]


def test_the_interval_is_that_of_the_wind_where_nothing_else_is_uncertain() -> None:
    enhancement = np.where(_square(), 2000.0, 0.0).astype(np.float32)
    low, high = rate_interval(enhancement, AREAS, [_square()], 0.0, 3.0, 0.5, EFFECTIVE)
    mass = 100 * 400 * 2000 * MOL_PER_PPM_M * MOLAR_MASS
    sigma = np.sqrt(np.log1p(0.25))
    for value, z in ((low, -1.96), (high, 1.96)):
        wind = 3.0 * np.exp(-(sigma**2) / 2 + z * sigma)
        assert value == pytest.approx((0.33 * wind + 0.45) * mass / 200 * SECONDS, rel=0.08)


def test_an_uncertain_background_widens_the_interval() -> None:
    enhancement = np.where(_square(), 2000.0, 0.0).astype(np.float32)
    low, high = rate_interval(enhancement, AREAS, [_square()], 0.0, 3.0, 0.0, EFFECTIVE)
    assert low == pytest.approx(high)
    wide = rate_interval(enhancement, AREAS, [_square()], 500.0, 3.0, 0.0, EFFECTIVE)
    assert wide[0] == pytest.approx(low * (1 - 1.96 / 4), rel=0.06)
    assert wide[1] == pytest.approx(low * (1 + 1.96 / 4), rel=0.06)


def test_a_mask_might_have_been_cut_elsewhere() -> None:
    rows, cols = np.mgrid[0:60, 0:60]
    hill = (10 * np.exp(-((rows - 30) ** 2 + (cols - 30) ** 2) / 100)).astype(np.float32)
    masks = grown_masks(hill, hill > 2, 2.0)
    sizes = [int(mask.sum()) for mask in masks]
    assert len(masks) == 9
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > (hill > 2).sum() > sizes[-1]


def test_a_patch_strays_more_than_white_noise_would() -> None:
    rng = np.random.default_rng(0)
    white = rng.normal(0, 100, (60, 60)).astype(np.float32)
    usable = ~_square()
    assert background_error(white, _square(), usable) == pytest.approx(10, rel=0.4)
    coarse = rng.normal(0, 100, (6, 6)).repeat(10, 0).repeat(10, 1).astype(np.float32)
    assert background_error(coarse, _square(), usable) > 30


def test_without_room_for_patches_the_pixels_noise_counts() -> None:
    rng = np.random.default_rng(0)
    white = rng.normal(0, 100, (60, 60)).astype(np.float32)
    mask = np.ones((60, 60), np.bool_)
    mask[:3] = False
    assert background_error(white, mask, ~mask) == pytest.approx(100 / np.sqrt(57 * 60), rel=0.3)


@pytest.mark.parametrize("angle", [0, 30, 90, 150])
def test_the_long_axis_and_the_upwind_end(angle: float) -> None:
    rows, cols = np.mgrid[0:60, 0:60]
    right, up = cols - 30.0, 30.0 - rows
    turn = np.radians(angle)
    along, across = np.sin(turn) * right + np.cos(turn) * up, np.cos(turn) * right - np.sin(turn) * up
    mask = (np.abs(along) < 20) & (np.abs(across) < 3)
    axis = main_axis(np.ones((60, 60), np.float32), mask, (20.0, 20.0))
    assert min(abs(axis - angle), 180 - abs(axis - angle)) < 3
    row, col = upwind_end(mask, angle, (20.0, 20.0))
    assert along[row, col] < -17


@pytest.mark.parametrize("weight", [0.0, 1e-30, 1.0, 1e5, 3e38])
@pytest.mark.parametrize("pixels", [1, 2, 100])
def test_the_axis_is_finite_where_one_pixel_holds_all_enhancement(weight: float, pixels: int) -> None:
    mask = np.zeros((60, 60), np.bool_)
    mask[20, 10 : 10 + min(pixels, 10)] = True
    mask[20 : 20 + max(pixels // 10, 1), 10] = True
    weights = np.zeros(mask.shape, np.float32)
    weights[20, 10] = weight
    axis = main_axis(weights, mask, (20.0, 30.0))
    assert 0 <= axis <= 180
    moles = np.where(mask, weights, np.nan)
    assert np.isfinite(cross_section_rate(moles, (20.0, 30.0), axis, 2.0))


def test_screens_by_hand() -> None:
    mask = _square()
    values = np.where(mask, 5.0, 1.0).astype(np.float32)
    ring = ring_around(mask, ~mask)
    assert step_from_ring(values, mask, ring) == pytest.approx(4)
    assert np.isnan(step_from_ring(np.full((60, 60), np.nan, np.float32), mask, ring))
    rng = np.random.default_rng(0)
    field = rng.normal(size=(60, 60)).astype(np.float32)
    assert likeness(values + field, field * 2, mask | ring) > 0.4
    assert likeness(values, field, mask | ring) < 0.2
    assert np.isnan(likeness(values, np.ones_like(field), mask))
    park = (0.2 + 0.02 * field + np.where(mask, 0.3, 0)).astype(np.float32)
    assert contrast(park, mask, ring) == pytest.approx(15, rel=0.3)
    assert contrast(field, mask, ring) < 0.5
    assert np.isnan(contrast(np.full((60, 60), np.nan, np.float32), mask, ring))
    shore = np.zeros((60, 60), np.bool_)
    shore[30:] = True
    assert 0.2 < share_near(mask, shore) < 0.3


def test_pixels_at_the_edge_and_at_unknown_ground_are_cut() -> None:
    mask, known = np.zeros((12, 12), bool), np.ones((12, 12), bool)
    mask[4:8, 4:8] = True
    assert cut_pixels(mask, known) == 0
    assert cut_pixels(mask[:, :8], known[:, :8]) == 8
    known[6, 9] = False
    assert cut_pixels(mask, known) == 1


@pytest.mark.parametrize("shape", [(5, 7), (1, 7), (9, 1), (1, 1), (33, 34)])
def test_sums_of_patches_are_those_of_scipy(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    values, patch = rng.normal(size=(33, 34)), (rng.random(shape) > 0.4).astype(np.float64)
    expected = signal.fftconvolve(values, patch[::-1, ::-1], mode="valid")
    np.testing.assert_array_equal(_sums_of_patches(values, patch), expected)
