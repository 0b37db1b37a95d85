"""The Gaussian plume: mass across sections, over pixels and in all; directions; what cannot be."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoseg.errors import UsageError
from geoseg.methods.plume_model import KG_PER_PPM_M, SPREAD, GaussianPlume, Stability, core, usual_stability

PIXEL = (20.0, 20.0)


def plume(**options: Any) -> GaussianPlume:
    return GaussianPlume(**({"rate_kg_h": 3600.0, "wind_m_s": 4.0, "towards": 90.0} | options))


@pytest.mark.parametrize("stability", list(SPREAD))
@pytest.mark.parametrize("distance", [50.0, 400.0, 2000.0])
def test_every_section_carries_what_the_source_emits(stability: Stability, distance: float) -> None:
    own = plume(stability=stability)
    across = np.linspace(-3000, 3000, 60_001)
    column = own.at(np.full(across.shape, distance), across)
    # 1 kg/s at 4 m/s: a quarter of a kilogram in every metre.
    assert np.trapezoid(column, across) == pytest.approx(0.25, rel=1e-4)


def test_the_spread_is_martins() -> None:
    assert plume(stability="D").spread(np.array([1000.0]))[0] == pytest.approx(68)
    assert plume(stability="A").spread(np.array([100.0]))[0] == pytest.approx(213 * 0.1**0.894)


def test_the_middle_of_a_plume_by_hand() -> None:
    column = plume(stability="D").at(np.array([1000.0, -10.0]), np.array([0.0, 0.0]))
    np.testing.assert_allclose(column, [0.25 / (math.sqrt(2 * math.pi) * 68), 0])


@settings(max_examples=25)
@given(
    towards=st.floats(0, 360),
    row=st.floats(99, 101),
    col=st.floats(99, 101),
    stability=st.sampled_from(sorted(SPREAD)),
    right=st.floats(15, 30),
)
def test_pixels_hold_the_whole_mass(
    towards: float, row: float, col: float, stability: Stability, right: float
) -> None:
    own = plume(towards=towards, stability=stability, age_s=200.0)
    size = (20.0, right)
    found = own.over_pixels((200, 200), (row, col), size)
    assert found.sum() * KG_PER_PPM_M * size[0] * size[1] == pytest.approx(own.mass_kg(), rel=0.01)


def test_the_mass_is_rate_times_age() -> None:
    assert plume(age_s=1800.0).mass_kg() == pytest.approx(1800, rel=0.01)
    assert plume().mass_kg() == math.inf


@pytest.mark.parametrize(("towards", "down", "right"), [(0, -1, 0), (90, 0, 1), (180, 1, 0), (225, 1, -1)])
def test_it_drifts_with_the_wind(towards: float, down: int, right: int) -> None:
    found = plume(towards=towards, age_s=300.0).over_pixels((121, 121), (60.5, 60.5), PIXEL)
    rows, cols = np.mgrid[-60:61, -60:61]
    moved = np.array([(rows * found).sum(), (cols * found).sum()]) / found.sum()
    reach = math.hypot(down, right)
    assert moved / np.hypot(*moved) == pytest.approx([down / reach, right / reach], abs=0.02)
    # As much on either side, and the middle of the mass half the plume's length away.
    assert np.hypot(*moved) * 20 == pytest.approx(600, rel=0.08)


def test_columns_are_proportional_to_the_rate_and_inverse_to_the_wind() -> None:
    one = plume().over_pixels((50, 50), (25, 10), PIXEL)
    np.testing.assert_allclose(
        plume(rate_kg_h=7200.0).over_pixels((50, 50), (25, 10), PIXEL), 2 * one, rtol=1e-9, atol=1e-9
    )
    np.testing.assert_allclose(
        plume(wind_m_s=8.0).over_pixels((50, 50), (25, 10), PIXEL), one / 2, rtol=1e-9, atol=1e-9
    )


def test_a_source_beside_the_window_still_blows_into_it() -> None:
    found = plume().over_pixels((40, 40), (20, -5), PIXEL)
    assert found[20, 0] > 0
    assert plume(towards=270).over_pixels((40, 40), (20, -5), PIXEL).max() == 0


def test_the_core_is_the_fewest_pixels_with_half_of_the_mass() -> None:
    column = np.array([[4.0, 1.0], [3.0, 2.0]])
    np.testing.assert_array_equal(core(column), [[True, False], [True, False]])
    assert not core(np.zeros((2, 2))).any()


def test_the_class_of_a_clear_day() -> None:
    assert [usual_stability(wind) for wind in (1, 3, 5.5, 8)] == ["A", "B", "C", "D"]


@pytest.mark.parametrize("wrong", [{"rate_kg_h": -1}, {"wind_m_s": 0}, {"age_s": 0}, {"rate_kg_h": math.nan}])
def test_what_cannot_be(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        plume(**wrong)
