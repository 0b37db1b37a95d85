"""Methane columns and rates: golden values of the formulae, and injected plumes found again."""

from __future__ import annotations

import numpy as np
import pytest

from geoseg.errors import SceneError, UsageError
from geoseg.methods.gas_absorption import methane
from geoseg.methods.matched_filter import mag1c, matched_filter
from geoseg.methods.methane_column import (
    enhancement,
    fit_ratio,
    ratio_change,
    response,
)
from geoseg.methods.methane_rate import (
    MOL_PER_PPM_M,
    EffectiveWind,
    cross_section_rate,
    ime_rate,
    integrated_mass,
    plume_length,
)
from geoseg.methods.unit_absorption import unit_absorption

S2A = (2114.9, 2289.9), (1568.2, 1659.2)
S2B = (2093.2, 2278.2), (1563.4, 1657.4)
L8 = (2107.0, 2294.0), (1566.0, 1651.0)
VARON = EffectiveWind(slope=0.33, offset=0.45, citation="Varon 2021")


@pytest.mark.parametrize(
    ("bands", "expected"),
    [
        (S2A, (-0.00124, -0.00246, -0.00487, -0.00955, -0.01845, -0.03476)),
        (S2B, (-0.00092, -0.00183, -0.00364, -0.00714, -0.01383, -0.02615)),
        (L8, (-0.00126, -0.00251, -0.00497, -0.00975, -0.01881, -0.03537)),
    ],
)
def test_the_response_of_each_satellite(
    bands: tuple[tuple[float, float], tuple[float, float]], expected: tuple[float, ...]
) -> None:
    """Boxes cut a table of 1 nm at whole nanometres, hence the tolerance."""
    np.testing.assert_allclose(response(methane(), *bands)[1:], expected, rtol=0.03)


def test_sentinel_2b_is_a_quarter_less_sensitive() -> None:
    assert response(methane(), *S2B)[3] / response(methane(), *S2A)[3] == pytest.approx(0.75, abs=0.02)


def test_the_golden_rate() -> None:
    mass = integrated_mass(np.full(100, 0.1), 400.0)
    assert mass == pytest.approx(64.16)
    length = plume_length(100 * 400.0)
    assert length == pytest.approx(200)
    wind = float(VARON(5.0))
    assert wind == pytest.approx(2.10)
    assert ime_rate(mass, length, wind) == pytest.approx(2425.2, abs=0.1)


def test_ppm_m_in_mol() -> None:
    assert pytest.approx(6.556e-7, rel=1e-3) == MOL_PER_PPM_M * 0.01604
    assert pytest.approx(0.0817, abs=1e-4) == MOL_PER_PPM_M * 2000


def test_no_wind_carries_no_plume() -> None:
    with pytest.raises(UsageError, match="--wind"):
        ime_rate(10, 100, 0)
    with pytest.raises(UsageError, match="area of the plume is 0"):
        ime_rate(10, 0, 2)


def test_the_flux_through_a_ribbon_is_that_of_its_section() -> None:
    plume = np.full((40, 60), np.nan)
    plume[18:22, 10:50] = 0.05
    rate = cross_section_rate(plume, (20.0, 20.0), 90, 2.0)
    assert rate == pytest.approx(0.05 * 4 * 20 * 0.01604 * 2.0 * 3600)


@pytest.mark.parametrize(("down", "right"), [(20.0, 20.0), (20.0, 10.0), (20.0, 40.0)])
@pytest.mark.parametrize("direction", [0, 90, 180, 270])
def test_the_flux_does_not_depend_on_the_shape_of_pixels(down: float, right: float, direction: int) -> None:
    """Degrees of longitude are short far from the equator."""
    plume = np.full((60, 60), np.nan)
    plume[10:50, 10:50] = 0.05
    rate = cross_section_rate(plume, (down, right), direction, 2.0)
    width = 40 * (down if direction in {90, 270} else right)
    assert rate == pytest.approx(0.05 * width * 0.01604 * 2.0 * 3600, rel=0.03)


def _ground(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    weak = rng.uniform(0.2, 0.4, (60, 60))
    return 0.8 * weak * (1 + rng.normal(0, 0.001, weak.shape)), weak


def _change(strong: np.ndarray, weak: np.ndarray) -> np.ndarray:
    """Relative change with the slope that the images themselves tell."""
    return ratio_change(strong, weak, fit_ratio(strong, weak))


def test_an_injected_column_is_retrieved() -> None:
    strong, weak = _ground()
    made = response(methane(), *S2A)
    strong[20:30, 20:30] *= 1 + made[4]
    column = enhancement(_change(strong, weak), methane().ppm_m, made)
    assert column[20:30, 20:30].mean() == pytest.approx(4000 * MOL_PER_PPM_M, rel=0.05)
    assert abs(column[40:].mean()) < 0.05 * 4000 * MOL_PER_PPM_M


def test_a_reference_takes_the_surface_away() -> None:
    strong, weak = _ground()
    strong[:, :30] *= 1.02  # a field with another colour on both days
    first = strong.copy()
    first[20:30, 40:50] *= 0.97
    alone = _change(first, weak)
    both = alone - _change(strong, weak)
    assert np.abs(both[:, :30].mean() - both[40:, 30:].mean()) < 0.1 * np.abs(
        alone[:, :30].mean() - alone[40:, 30:].mean()
    )
    assert both[20:30, 40:50].mean() == pytest.approx(-0.03, abs=0.003)
    assert _change(first, strong)[20:30, 40:50].mean() == pytest.approx(-0.03, abs=0.002)


def test_the_plume_does_not_bias_the_fit() -> None:
    strong, weak = _ground()
    strong[:5] *= 0.9
    change = _change(strong, weak)
    assert fit_ratio(strong, weak) == pytest.approx(1.25, rel=0.002)
    assert change[40:].mean() == pytest.approx(0, abs=0.002)


def test_beyond_the_table_is_saturated_not_extrapolated() -> None:
    made = response(methane(), *S2A)
    column = enhancement(
        np.array([[made[-1] * 2, 0.0, made[1] / 2, -made[1] / 2, 1.0]]), methane().ppm_m, made
    )
    amounts = column[0] / MOL_PER_PPM_M
    np.testing.assert_allclose(amounts, [16000, 0, 250, -250, -16000], atol=1e-6)


def test_bands_that_the_table_does_not_know_are_refused() -> None:
    with pytest.raises(UsageError, match="does not cover"):
        methane().in_band(1800, 2000)
    with pytest.raises(UsageError, match="does not fall"):
        enhancement(np.zeros((1, 1)), np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    with pytest.raises(SceneError, match="no clear pixel"):
        fit_ratio(np.full((3, 3), np.nan), np.ones((3, 3)))


CENTRES = np.arange(2122, 2488, 7.5)
WIDTHS = np.full(len(CENTRES), 8.5)


def test_the_unit_absorption_is_deepest_at_2347() -> None:
    absorption = unit_absorption(methane(), CENTRES, WIDTHS)
    assert absorption.min() == pytest.approx(-1.497, rel=0.01)
    assert CENTRES[absorption.argmin()] == pytest.approx(2347, abs=1)
    assert (absorption <= 0).all()


def _cube(share: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Radiance (n, B) of varied ground with a plume of 2000 ppm·m on the first pixels."""
    rng = np.random.default_rng(seed)
    count, bands = 20_000, len(CENTRES)
    absorption = unit_absorption(methane(), CENTRES, WIDTHS)
    x = np.linspace(0, 1, bands)
    spectrum = 5 * np.exp(-1.5 * x)
    albedo = np.maximum(rng.normal(1, 0.15, count), 0.3)
    modes = rng.normal(size=(3, bands))
    cube = albedo[:, None] * spectrum * (1 + 0.01 * rng.normal(size=(count, 3)) @ modes)
    cube *= 1 + 0.003 * rng.normal(size=cube.shape)
    plume = np.zeros(count, bool)
    plume[: int(share * count)] = True
    cube[plume] *= np.exp(absorption * 2000 / 1e5)
    return cube, plume, absorption


@pytest.mark.parametrize("share", [0.002, 0.01, 0.05])
def test_an_injected_plume_is_measured(share: float) -> None:
    cube, plume, absorption = _cube(share)
    classical = matched_filter(cube, absorption)
    assert classical[plume].mean() - classical[~plume].mean() == pytest.approx(2000, rel=0.05)
    sparse = mag1c(cube, absorption)
    assert sparse[plume].mean() == pytest.approx(2000, rel=0.02)
    assert sparse[~plume].mean() < 15


def test_without_a_plume_little_is_found() -> None:
    cube, _, absorption = _cube(0.0)
    assert matched_filter(cube, absorption).std() < 200
    sparse = mag1c(cube, absorption)
    assert (sparse > 0).mean() < 0.05
    assert (sparse > 500).sum() == 0


def test_a_handful_of_pixels_has_no_covariance() -> None:
    cube, _, absorption = _cube(0.0)
    with pytest.raises(SceneError, match="too few"):
        matched_filter(cube[:10], absorption)
