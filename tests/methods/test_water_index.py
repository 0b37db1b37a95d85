from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoseg.methods.water_index import awei_nsh, awei_sh, mndwi, ndwi, wi2015

BLUE, GREEN, RED, NIR, SWIR16, SWIR22 = (np.array([value]) for value in (0.06, 0.08, 0.05, 0.03, 0.02, 0.01))


def test_golden_point() -> None:
    assert ndwi(GREEN, NIR)[0] == pytest.approx(0.4545, abs=5e-5)
    assert mndwi(GREEN, SWIR16)[0] == pytest.approx(0.6)
    assert awei_nsh(GREEN, NIR, SWIR16, SWIR22)[0] == pytest.approx(0.205)
    assert awei_sh(BLUE, GREEN, NIR, SWIR16, SWIR22)[0] == pytest.approx(0.1825)
    assert wi2015(GREEN, RED, NIR, SWIR16, SWIR22)[0] == pytest.approx(11.8404)


def test_nothing_over_nothing_is_unknown() -> None:
    zero = np.zeros(1, np.float32)
    assert np.isnan(ndwi(zero, zero)).all()
    assert np.isnan(mndwi(np.array([np.nan]), SWIR16)).all()


reflectance = st.floats(0.001, 1.0)


@given(green=reflectance, dark=reflectance, factor=st.floats(0.01, 10000))
def test_normalised_differences_are_scale_free(green: float, dark: float, factor: float) -> None:
    a, b = np.array([green]), np.array([dark])
    assert ndwi(a, b)[0] == pytest.approx(ndwi(a * factor, b * factor)[0], abs=1e-9)
    assert -1 <= mndwi(a, b)[0] <= 1


def test_awei_is_not_scale_free() -> None:
    bands = (GREEN, NIR, SWIR16, SWIR22)
    assert awei_nsh(*(band * 10000 for band in bands))[0] == pytest.approx(2050)


@given(share=st.floats(0, 1), land=st.lists(reflectance, min_size=5, max_size=5))
def test_wi2015_of_a_mixture_is_the_mixture_of_wi2015(share: float, land: list[float]) -> None:
    water = (GREEN, RED, NIR, SWIR16, SWIR22)
    mixed = [share * wet + (1 - share) * dry for wet, dry in zip(water, land, strict=True)]
    of_land = wi2015(*(np.array([value]) for value in land))
    assert wi2015(*mixed)[0] == pytest.approx((share * wi2015(*water) + (1 - share) * of_land)[0], abs=1e-9)


def test_wi2015_of_land_is_negative_and_of_unknown_unknown() -> None:
    spectra = {"vegetation": (0.07, 0.05, 0.35, 0.2, 0.1), "soil": (0.1, 0.15, 0.25, 0.35, 0.3)}
    for name, values in spectra.items():
        assert wi2015(*(np.array([value]) for value in values))[0] < -8, name
    assert np.isnan(wi2015(np.array([np.nan]), RED, NIR, SWIR16, SWIR22)).all()
