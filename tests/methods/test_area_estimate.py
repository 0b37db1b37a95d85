"""Areas and accuracies from samples: the published example, numbers by hand, and what must always hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from geoseg.errors import UsageError
from geoseg.methods.area_estimate import allocate, estimate

# Olofsson et al. 2014, section 5: deforestation, forest gain, stable forest, stable non-forest.
COUNTS = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
SHARES = np.array([0.02, 0.015, 0.32, 0.645])
HECTARES = 1e7 * 0.09


def rounded(values: NDArray[np.float64], digits: int = 3) -> list[float]:
    return [round(value, digits) for value in values.tolist()]


def test_the_published_example_to_every_digit() -> None:
    found = estimate(COUNTS, SHARES * HECTARES)
    assert round(found.area.value[0].item()) == 21_158
    assert round(found.area.half_width[0].item()) == 6_158
    assert round(found.area.value[0].item() / 0.09) == 235_086
    assert round(found.overall.value.item(), 3) == 0.947
    assert round(found.overall.half_width.item(), 3) == 0.018
    assert rounded(found.users.value) == [0.88, 0.733, 0.927, 0.963]
    assert rounded(found.producers.value) == [0.749, 0.847, 0.935, 0.962]
    assert rounded(found.producers.half_width) == [0.213, 0.254, 0.034, 0.018]


@st.composite
def samples(draw: st.DrawFn) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Counts of two points or more a row, and areas."""
    classes = draw(st.integers(2, 5))
    counts = draw(hnp.arrays(np.int64, (classes, classes), elements=st.integers(0, 40)))
    counts[:, 0] += 2
    areas = draw(hnp.arrays(np.float64, classes, elements=st.floats(0.5, 1e9)))
    return counts, areas


@given(samples())
def test_areas_sum_to_the_map(sample: tuple[NDArray[np.int64], NDArray[np.float64]]) -> None:
    counts, areas = sample
    found = estimate(counts, areas)
    assert found.area.value.sum() == pytest.approx(areas.sum(), rel=1e-9)
    assert found.shares.sum() == pytest.approx(1)
    assert (found.area.value >= 0).all()
    assert np.isfinite(found.area.se).all()
    assert 0 <= found.overall.value <= 1 + 1e-12


@given(samples())
def test_a_perfect_map_keeps_its_areas(sample: tuple[NDArray[np.int64], NDArray[np.float64]]) -> None:
    counts, areas = sample
    found = estimate(np.diag(counts.sum(axis=1)), areas)
    np.testing.assert_allclose(found.area.value, areas, rtol=1e-12)
    assert not found.area.se.any()
    assert found.overall.value == pytest.approx(1)
    assert found.overall.se == 0
    np.testing.assert_allclose(found.producers.value, 1)
    assert not found.producers.se.any()


@given(samples(), st.floats(1e-3, 1e3))
def test_the_unit_does_not_matter(sample: tuple[NDArray[np.int64], NDArray[np.float64]], unit: float) -> None:
    counts, areas = sample
    one, other = estimate(counts, areas), estimate(counts, areas * unit)
    np.testing.assert_allclose(one.area.se * unit, other.area.se, rtol=1e-9)
    np.testing.assert_allclose(one.producers.se, other.producers.se, rtol=1e-9)


def test_producers_variance_of_two_classes_by_hand() -> None:
    found = estimate(np.array([[18, 2], [5, 45]]), np.array([40.0, 60.0]))
    here, there = 0.9 * 0.1 / 19, 0.1 * 0.9 / 49
    caught = 36 / 42
    variance = ((40 * (1 - caught)) ** 2 * here + (caught * 60) ** 2 * there) / 42**2
    assert found.producers.value[0] == pytest.approx(caught)
    assert found.producers.se[0] == pytest.approx(np.sqrt(variance))
    assert found.area.se[0] == pytest.approx(np.sqrt(40**2 * here + 60**2 * there))


def test_one_point_has_no_variance() -> None:
    found = estimate(np.array([[1, 0], [3, 47]]), np.array([1.0, 9.0]))
    np.testing.assert_allclose(found.area.value, [1 + 9 * 3 / 50, 9 * 47 / 50])
    assert np.isnan(found.area.se).all()
    assert np.isnan(found.overall.se)
    assert np.isnan(found.users.se[0])
    assert np.isfinite(found.users.se[1])


def test_a_class_that_is_not_mapped_still_has_an_area() -> None:
    found = estimate(np.array([[45, 5], [0, 0]]), np.array([100.0, 0.0]))
    np.testing.assert_allclose(found.area.value, [90, 10])
    assert found.area.se[1] > 0
    assert np.isnan(found.users.value[1])
    assert found.producers.value[1] == 0


def test_a_class_that_is_nowhere_has_no_producers_accuracy() -> None:
    found = estimate(np.array([[50, 0], [5, 0]]), np.array([90.0, 10.0]))
    assert found.area.value[1] == 0
    assert found.users.value[1] == 0
    assert np.isnan(found.producers.value[1])


@pytest.mark.parametrize(
    ("counts", "areas", "told"),
    [
        ([[5, 1], [0, 0]], [1, 1], r"strata \[1\] have no sample point"),
        ([[5, 1], [1, 1]], [1, 0], r"strata \[1\] have sample points but an area of 0"),
        ([[5, 1], [1, 1]], [0, 0], "no class is mapped"),
        ([[5, 1], [1, 1]], [1, -1], "not negative"),
        ([[5, -1], [1, 1]], [1, 1], "not negative"),
        ([[5, 1], [1, 1]], [1, np.nan], "finite"),
        ([[5, 1, 0], [1, 1, 0]], [1, 1], "does not fit"),
    ],
)
def test_what_has_no_estimate_is_refused(counts: list[list[int]], areas: list[float], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        estimate(np.array(counts), np.array(areas, float))


@st.composite
def strata(draw: st.DrawFn) -> tuple[int, NDArray[np.float64], NDArray[np.int64]]:
    """Points that can be dealt, areas and pixels."""
    pixels = np.array(draw(st.lists(st.integers(2, 10**9), min_size=1, max_size=12)))
    most = int(min(pixels.sum(), 5000))
    number = draw(st.integers(min(2 * len(pixels), most), most))
    uneven = draw(hnp.arrays(np.float64, len(pixels), elements=st.floats(0.2, 5)))
    return number, pixels * uneven, pixels


@given(strata())
def test_points_dealt_sum_up_and_respect_the_minimum(
    asked: tuple[int, NDArray[np.float64], NDArray[np.int64]],
) -> None:
    number, areas, pixels = asked
    dealt = allocate(number, areas, pixels)
    least = max(2, min(50, number // (2 * len(pixels))))
    assert dealt.sum() == number
    assert (dealt <= pixels).all()
    assert (dealt >= np.minimum(least, pixels)).all()
    # Proportional where neither bound holds: points per area differ by the rounding to whole points.
    free = (dealt > np.minimum(least, pixels) + 1) & (dealt < pixels - 1)
    rate = dealt[free] / areas[free]
    if free.sum() > 1:
        assert (rate - rate.min() <= 1 / areas[free] + 1 / areas[free][rate.argmin()] + 1e-12).all()


def test_rare_classes_get_the_minimum_and_the_rest_is_proportional() -> None:
    pixels = np.array([200_000, 150_000, 3_200_000, 6_450_000])
    assert allocate(640, SHARES, pixels, minimum=75).tolist() == [75, 75, 162, 328]
    assert allocate(1000, SHARES, pixels).tolist() == [50, 50, 298, 602]
    assert allocate(80, SHARES, pixels).tolist() == [10, 10, 20, 40]


def test_a_class_of_few_pixels_gives_all_of_them() -> None:
    assert allocate(200, np.array([1.0, 999.0]), np.array([7, 6993])).tolist() == [7, 193]


@pytest.mark.parametrize(
    ("number", "minimum", "told"),
    [(7, None, "ask for 8 or more"), (100, 50, "ask for 200 or more"), (10**8, None, "10000000 pixels")],
)
def test_what_cannot_be_dealt_is_refused(number: int, minimum: int | None, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        allocate(number, SHARES, np.array([200_000, 150_000, 3_200_000, 6_450_000]), minimum=minimum)
