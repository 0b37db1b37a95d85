"""Spectral classes: each rule on a spectrum that it is for."""

from __future__ import annotations

import numpy as np
import pytest

from geoseg.errors import UsageError
from geoseg.methods.spectral import INDICES, classify, parse_condition
from geoseg.spec.tables import spectral_classes

SPECTRA = {
    "water": (0.06, 0.05, 0.03, 0.02, 0.01, 0.01),
    "snow": (0.85, 0.85, 0.84, 0.75, 0.10, 0.08),
    "cloud": (0.50, 0.50, 0.51, 0.55, 0.45, 0.35),
    "dense vegetation": (0.03, 0.06, 0.04, 0.40, 0.18, 0.08),
    "sparse vegetation": (0.07, 0.10, 0.12, 0.24, 0.28, 0.20),
    "burnt or dark": (0.05, 0.05, 0.06, 0.08, 0.14, 0.16),
    "bare or built": (0.10, 0.13, 0.17, 0.22, 0.30, 0.27),
}
"""Reflectance of blue, green, red, nir, swir16, swir22."""
BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")


@pytest.mark.parametrize("label", SPECTRA)
def test_typical_spectra_are_told(label: str) -> None:
    spec, rules = spectral_classes("land")
    bands = {
        name: np.full((1, 1), value, np.float32) for name, value in zip(BANDS, SPECTRA[label], strict=True)
    }
    value = int(classify(rules, bands, spec.classes[-1].value)[0, 0])
    assert {item.value: item.label for item in spec.classes}[value] == label


def test_turbid_water_is_no_snow() -> None:
    """A river in spate, from the top of the atmosphere: its green and near infrared are those of old snow."""
    spec, rules = spectral_classes("land")
    spectrum = (0.155, 0.16, 0.18, 0.125, 0.04, 0.03)
    bands = {name: np.full((1, 1), value, np.float32) for name, value in zip(BANDS, spectrum, strict=True)}
    value = int(classify(rules, bands, spec.classes[-1].value)[0, 0])
    assert {item.value: item.label for item in spec.classes}[value] == "water"


def test_what_was_not_observed_is_not_told() -> None:
    spec, rules = spectral_classes("land")
    bands = {name: np.full((1, 1), np.nan, np.float32) for name in BANDS}
    assert classify(rules, bands, spec.classes[-1].value)[0, 0] == spec.classes[-1].value


def test_normalised_differences_do_not_depend_on_scale() -> None:
    for index in INDICES.values():
        values = [np.full((1, 1), value, np.float32) for value in (0.2, 0.1, 0.3)[: len(index.bands)]]
        same = np.allclose(index.make(*values), index.make(*(value * 10 for value in values)), atol=1e-5)
        assert same == index.scale_free


def test_every_rule_names_its_source() -> None:
    spec, _ = spectral_classes("land")
    assert all("19" in rule.source or "20" in rule.source for rule in spec.rules)


@pytest.mark.parametrize("text", ["ndvi", "ndvi >= 0.2", "ndvi > much", "ndvi > 0.2 or nir > 1"])
def test_a_condition_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="NAME > NUMBER"):
        parse_condition(text)
