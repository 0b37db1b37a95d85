"""MAD and IR-MAD: golden moments, invariance, and no false alarms where nothing changed."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from geoseg.errors import SceneError
from geoseg.methods.mad import fit_mad, no_change_weights
from geoseg.methods.relative import fit_histograms, fit_lines

Matrix = NDArray[np.float64]
BANDS, PIXELS = 4, 100_000


def _pair(seed: int = 0) -> tuple[Matrix, Matrix]:
    """The same ground twice, with noise."""
    rng = np.random.default_rng(seed)
    ground = rng.normal(size=(BANDS, BANDS)) @ rng.normal(size=(BANDS, PIXELS))
    return ground + 0.3 * rng.normal(size=ground.shape), ground + 0.3 * rng.normal(size=ground.shape)


def test_plain_mad_of_no_change_has_the_moments_of_chi_square() -> None:
    before, after = _pair()
    z = fit_mad(before, after, rounds=0, calibrate=False).z(before, after)
    assert z.mean() == pytest.approx(BANDS, rel=1e-9)
    assert z.var() == pytest.approx(2 * BANDS, rel=0.05)


def test_reweighting_without_calibration_would_flag_an_unchanged_scene() -> None:
    before, after = _pair()
    z = fit_mad(before, after, calibrate=False).z(before, after)
    assert z.mean() == pytest.approx(13.0, abs=1.5)
    assert z.var() == pytest.approx(86, rel=0.2)


@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.001])
def test_calibrated_it_does_not(alpha: float) -> None:
    before, after = _pair()
    fitted = fit_mad(before, after)
    alarms = (fitted.change_probability(fitted.z(before, after)) > 1 - alpha).mean()
    assert 0.5 * alpha < alarms < 1.5 * alpha


@pytest.mark.parametrize("rounds", [0, 50])
def test_an_affine_change_of_one_date_changes_nothing(rounds: int) -> None:
    before, after = _pair()
    mixed = np.random.default_rng(1).normal(size=(BANDS, BANDS)) @ after * 1e4 + 5
    z = fit_mad(before, after, rounds=rounds).z(before, after)
    other = fit_mad(before, mixed, rounds=rounds).z(before, mixed)
    np.testing.assert_allclose(other, z, rtol=1e-9)


def test_a_date_against_itself_has_no_change() -> None:
    before, _ = _pair()
    assert fit_mad(before, before).z(before, before).max() < 1e-3


def test_what_changed_stands_out() -> None:
    before, after = _pair()
    after[:, :5000] += 3
    fitted = fit_mad(before, after)
    probability = fitted.change_probability(fitted.z(before, after))
    assert (probability[:5000] > 0.99).mean() > 0.9
    assert (probability[5000:] > 0.99).mean() < 0.03
    assert no_change_weights(fitted, before, after)[5000:].mean() > 0.4


def test_correlations_are_positive_and_ascend() -> None:
    before, after = _pair()
    rho = fit_mad(before, -after).correlations
    assert (np.diff(rho) >= 0).all()
    assert rho[0] > 0
    assert rho[-1] <= 1


def test_equal_bands_do_not_break_it() -> None:
    before, after = _pair()
    before, after = np.vstack([before, before[:1]]), np.vstack([after, after[:1]])
    assert np.isfinite(fit_mad(before, after).z(before, after)).all()


def test_too_few_pixels_and_flat_bands_are_refused() -> None:
    before, after = _pair()
    with pytest.raises(SceneError, match="too few"):
        fit_mad(before[:, :100], after[:, :100])
    after[2] = 7
    with pytest.raises(SceneError, match="band 3"):
        fit_mad(before, after)


def test_lines_through_invariant_pixels_undo_gain_and_offset() -> None:
    before, _ = _pair()
    rng = np.random.default_rng(2)
    after = (before - 0.5) / np.array([2.0, 0.5, 1.5, 1.0])[:, np.newaxis]
    after += 0.01 * rng.normal(size=after.shape)
    after[:, :20_000] += 4
    lines = fit_lines(before, after)
    np.testing.assert_allclose(lines.gains, [2.0, 0.5, 1.5, 1.0], rtol=0.02)
    brought = lines(after.astype(np.float32))
    assert np.abs(brought[:, 20_000:] - before[:, 20_000:]).mean() < 0.05


def test_matched_histograms_are_equal() -> None:
    before, after = _pair()
    brought = fit_histograms(before, np.exp(after / 4))(np.exp(after / 4).astype(np.float32))
    shares = np.linspace(0.05, 0.95, 10)
    np.testing.assert_allclose(
        np.quantile(brought, shares, axis=1), np.quantile(before, shares, axis=1), atol=0.05
    )


def test_dates_in_different_units_are_brought_together() -> None:
    """Counts against reflectance: gains far from one are the unit, not the radiometry."""
    rng = np.random.default_rng(3)
    before = rng.uniform(0.05, 0.4, (3, 4000))
    after = 1e4 * (0.9 * before + 0.01) + rng.normal(0, 5, before.shape)
    for first, second in ((before, after), (after, before)):
        lines = fit_lines(first, second)
        np.testing.assert_allclose(
            lines(second.astype(np.float32)), first, rtol=0.03, atol=0.003 * first.max()
        )


@pytest.mark.parametrize("bands", [2, 6, 13])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_z_is_that_of_the_equation_for_any_number_of_pixels(bands: int, dtype: type[np.floating]) -> None:
    rng = np.random.default_rng(bands)
    before = rng.normal(size=(bands, bands)) @ rng.normal(size=(bands, 30_000)) + 3
    after = 2 * before + 0.1 * rng.normal(size=before.shape)
    fitted = fit_mad(before, after, rounds=2)
    x, y = (date[:, :27_993].reshape(bands, 21, -1).astype(dtype) for date in (before, after))
    mean_x, mean_y = fitted.mean_before[:, None, None], fitted.mean_after[:, None, None]
    variates = np.tensordot(fitted.before.T, x - mean_x, 1) - np.tensordot(fitted.after.T, y - mean_y, 1)
    variances = 2 * (1 - fitted.correlations)[:, None, None]
    expected = (variates**2 / variances).sum(axis=0) * fitted.calibration
    np.testing.assert_allclose(fitted.z(x, y), expected, rtol=1e-9)
    roots = fitted.root_z(x, y, ceiling=2.0)
    assert roots.dtype == np.float32
    np.testing.assert_allclose(roots, np.minimum(np.sqrt(expected), 2), rtol=1e-6)


def test_unobserved_pixels_have_no_z() -> None:
    before, after = _pair()
    fitted = fit_mad(before, after, rounds=0)
    x = before[:, :700].astype(np.float32)
    x[2, 5] = np.nan
    z = fitted.z(x, after[:, :700])
    assert np.flatnonzero(np.isnan(z)).tolist() == [5]
