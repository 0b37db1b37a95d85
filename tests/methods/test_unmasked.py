"""A uniform change does not hide from MAD, however large; and calm ground does not make all other changed."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import chdtri

from geoseg.methods.mad import FLOOR, fit_mad
from geoseg.methods.unmasked import clear_change, fit_unmasked

Matrix = NDArray[np.float64]
BANDS, PIXELS = 5, 40_000
PLANTS, SOIL = np.array([0.04, 0.07, 0.04, 0.38, 0.2]), np.array([0.13, 0.17, 0.22, 0.28, 0.36])
LIMIT = float(np.sqrt(chdtri(BANDS, 0.001)))


def two_dates(
    share: float, *, relative: float = 0.0, seed: int = 0
) -> tuple[Matrix, Matrix, NDArray[np.bool_]]:
    """Plants and soil with noise, the plants of a share of the pixels cleared.

    Args:
        share: of all pixels.
        relative: noise in parts of the reflectance, beside 0.004.
        seed: of the noise.
    """
    rng = np.random.default_rng(seed)
    soil = rng.random(PIXELS) < 0.3
    changed = np.zeros(PIXELS, bool)
    changed[: int(share * PIXELS)] = True
    soil[changed] = False
    dates = []
    for bare in (soil, soil | changed):
        clean = np.where(bare, SOIL[:, None], PLANTS[:, None])
        noise = rng.normal(0, 1, clean.shape)
        dates.append(clean * (1 + relative * noise) + 0.004 * rng.normal(0, 1, clean.shape))
    return dates[0], dates[1], changed


@pytest.mark.parametrize("share", [0.01, 0.05, 0.1, 0.2])
@pytest.mark.parametrize("relative", [0.0, 0.06])
def test_a_uniform_change_is_found_whatever_its_size(share: float, relative: float) -> None:
    before, after, changed = two_dates(share, relative=relative)
    plain = fit_mad(before, after, rounds=0)
    fitted, left_out = fit_unmasked(before, after, plain)
    found = np.sqrt(fitted.z(before, after))
    assert (found[changed] > LIMIT).mean() > 0.99
    if share >= 0.1:
        hidden = np.sqrt(plain.z(before, after))
        assert (hidden[changed] < LIMIT).mean() > 0.95, "it hides itself from plain MAD"
        assert left_out == pytest.approx(share, rel=0.15)


def test_where_nothing_hides_mad_is_left_as_it_is() -> None:
    for share in (0.0, 0.01):
        before, after, _ = two_dates(share)
        plain = fit_mad(before, after, rounds=0)
        assert fit_unmasked(before, after, plain)[0] is plain


def test_what_is_beyond_doubt_does_not_depend_on_radiometry() -> None:
    before, after, changed = two_dates(0.08)
    np.testing.assert_array_equal(clear_change(before, after), changed)
    np.testing.assert_array_equal(clear_change(before, 4000 * after + 300), changed)


def test_noisier_ground_is_no_change_to_reweighted_mad() -> None:
    """Soil is brighter, so that its noise is greater than that of plants."""
    before, after, changed = two_dates(0.03, relative=0.05)
    alarms = {}
    for floor in (0.0, FLOOR):
        found = np.sqrt(fit_mad(before, after, floor=floor).z(before, after))
        assert (found[changed] > LIMIT).mean() > 0.99
        alarms[floor] = (found[~changed] > LIMIT).mean()
    assert alarms[FLOOR] < 0.01
    assert alarms[0.0] > 3 * alarms[FLOOR]
