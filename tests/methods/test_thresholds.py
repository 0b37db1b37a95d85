from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoseg.methods.thresholds import (
    Histogram,
    TwoGaussians,
    Unimodal,
    ashman_d,
    bmax,
    fit_two_gaussians,
    histogram,
    kittler_illingworth,
    otsu,
)


@pytest.fixture(scope="module")
def mixture() -> Histogram:
    rng = np.random.default_rng(0)
    water = rng.normal(-20, 1.5, 20_000)
    return histogram(np.concatenate([water, rng.normal(-10, 2.5, 80_000)]))


def test_golden_mixture(mixture: Histogram) -> None:
    assert otsu(mixture) == pytest.approx(-14.66, abs=0.15)
    cut = kittler_illingworth(mixture)
    assert isinstance(cut, float)
    assert cut == pytest.approx(-16.55, abs=0.15)
    assert bmax(mixture) == pytest.approx(0.764, abs=0.002)


def test_fitted_modes_are_those_that_were_mixed(mixture: Histogram) -> None:
    fitted = fit_two_gaussians(mixture)
    assert isinstance(fitted, TwoGaussians)
    assert fitted.means == pytest.approx((-20, -10), abs=0.1)
    assert fitted.sigmas == pytest.approx((1.5, 2.5), abs=0.1)
    assert fitted.shares == pytest.approx((0.2, 0.8), abs=0.01)
    assert fitted.separation == pytest.approx(np.sqrt(2) * 10 / np.hypot(1.5, 2.5), abs=0.2)


def test_closed_forms_of_bmax() -> None:
    rng = np.random.default_rng(1)
    assert bmax(histogram(np.repeat([0.0, 1.0], 500))) == pytest.approx(1)
    assert bmax(histogram(rng.uniform(size=200_000))) == pytest.approx(0.75, abs=0.003)
    assert bmax(histogram(rng.normal(size=200_000))) == pytest.approx(2 / np.pi, abs=0.003)


def test_middle_of_an_empty_valley() -> None:
    assert otsu(histogram(np.repeat([0.0, 1.0], 500))) == pytest.approx(0.5, abs=1 / 256)


def test_one_mode_has_no_minimum_error_threshold() -> None:
    rng = np.random.default_rng(2)
    for values in (rng.normal(size=50_000), rng.uniform(size=50_000), np.zeros(100), np.full(9, np.nan)):
        assert isinstance(kittler_illingworth(histogram(values)), Unimodal)


def test_rare_water_is_found_by_minimum_error_where_otsu_drifts() -> None:
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.normal(-22, 1, 2_000), rng.normal(-10, 2.5, 98_000)])
    cut = kittler_illingworth(histogram(values))
    assert isinstance(cut, float)
    assert -19.5 < cut < -17.5
    assert otsu(histogram(values)) > -15


def test_ashman_d() -> None:
    assert ashman_d(0, 2, 1, 1) == pytest.approx(2)
    rng = np.random.default_rng(4)
    alone = fit_two_gaussians(histogram(rng.normal(size=50_000)))
    assert isinstance(alone, Unimodal) or alone.separation < 2


@given(st.lists(st.floats(-40, 10), min_size=2, max_size=60), st.integers(1, 59))
def test_histograms_add_up_over_blocks(values: list[float], at: int) -> None:
    array = np.array(values)
    limits = (-45.0, 5.0)
    parts = histogram(array[:at], limits) + histogram(array[at:], limits)
    assert np.array_equal(parts.counts, histogram(array, limits).counts)
    assert parts.total == len(values)
    assert parts.edges[0] <= otsu(parts) <= parts.edges[-1]


def test_histograms_of_different_edges_do_not_add() -> None:
    with pytest.raises(ValueError, match="edges"):
        histogram(np.zeros(3), (0, 1)) + histogram(np.zeros(3), (0, 2))


@given(st.floats(0.1, 50), st.floats(-100, 100))
def test_thresholds_move_with_the_unit(scale: float, offset: float) -> None:
    rng = np.random.default_rng(5)
    values = np.concatenate([rng.normal(-20, 1.5, 500), rng.normal(-10, 2.5, 1500)])
    moved = values * scale + offset
    width = np.ptp(moved) / 256
    assert otsu(histogram(moved)) == pytest.approx(otsu(histogram(values)) * scale + offset, abs=3 * width)


def test_share_below() -> None:
    counted = histogram(np.arange(256) + 0.5, (0, 256))
    assert counted.share_below(64) == pytest.approx(0.25)
    assert counted.share_below(-1) == 0
    assert counted.share_below(1000) == 1
