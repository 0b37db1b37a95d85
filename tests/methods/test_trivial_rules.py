"""Trivial maps of water, flood and change."""

from __future__ import annotations

import numpy as np
import pytest

from geoseg.methods.trivial_rules import NOT_OBSERVED, TrivialRule, change_rules, water_rules

SIDE = 60
WET = np.zeros((SIDE, SIDE), bool)
WET[22:38, 22:38] = True
INNER = np.zeros_like(WET)
INNER[25:35, 25:35] = True
FAR = np.ones_like(WET)
FAR[18:42, 18:42] = False


def by_name(rules: tuple[TrivialRule, ...]) -> dict[str, TrivialRule]:
    return {rule.name: rule for rule in rules}


@pytest.mark.parametrize(
    ("bands", "db", "names"),
    [
        (
            ("green", "nir", "swir16"),
            False,
            [
                "everything", "MNDWI > 0", "MNDWI > -0.1", "MNDWI > -0.2", "MNDWI > Otsu", "NDWI > 0",
                "NDWI > Otsu",
            ],
        ),
        (
            ("vv", "vh"),
            True,
            [
                "everything", "VV < -16 dB, 5 x 5 mean", "VV < Otsu, 5 x 5 mean", "VH < -20 dB, 5 x 5 mean",
                "VH < Otsu, 5 x 5 mean",
            ],
        ),
        (("hh",), True, ["everything", "HH < -16 dB, 5 x 5 mean", "HH < Otsu, 5 x 5 mean"]),
        (
            ("vv", "before:vv"),
            False,
            ["everything", "VV < Otsu, 5 x 5 mean", "fall of VV > Otsu, 5 x 5 mean"],
        ),
        (("red",), False, ["everything"]),
    ],
)  # fmt: skip
def test_rules_that_bands_and_units_allow(bands: tuple[str, ...], db: bool, names: list[str]) -> None:
    assert [rule.name for rule in water_rules(bands, db=db)] == names


def test_optical_rules_map_water() -> None:
    rng = np.random.default_rng(0)
    swir = np.where(WET, 0.02, 0.2) + rng.normal(0, 0.002, WET.shape)
    bands = {name: np.full(WET.shape, 0.08, np.float32) for name in ("green", "nir")}
    bands["nir"] = bands["swir16"] = swir.astype(np.float32)
    bands["green"][0, 0] = np.nan
    for name, rule in by_name(water_rules(bands, db=False)).items():
        mapped = rule.classes(bands)
        if name != "everything":
            assert mapped[0, 0] == NOT_OBSERVED
            np.testing.assert_array_equal(mapped.ravel()[1:] == 1, WET.ravel()[1:], err_msg=name)


@pytest.mark.parametrize(
    "name", ["VV < -16 dB, 5 x 5 mean", "VV < Otsu, 5 x 5 mean", "fall of VV > Otsu, 5 x 5 mean"]
)
@pytest.mark.parametrize("gain", [1.0, 3.0])
def test_radar_rules_map_flood(name: str, gain: float) -> None:
    """Values without a unit may have another gain on each date; only the threshold in dB needs the unit."""
    rng = np.random.default_rng(1)
    land = np.linspace(-12, -5, SIDE)
    before = land + rng.normal(0, 0.5, WET.shape)
    after = np.where(WET, -21, land) + rng.normal(0, 0.5, WET.shape)
    bands = {"vv": after.astype(np.float32), "before:vv": (gain * before).astype(np.float32)}
    rules = by_name(water_rules(bands if "fall" in name else ("vv",), db=gain == 1))
    if name not in rules:
        assert "dB" in name
        return
    mapped = rules[name].classes(bands) == 1
    assert mapped[INNER].all()
    assert not mapped[FAR].any()


def test_change_is_a_large_difference() -> None:
    rng = np.random.default_rng(2)
    before = np.linspace(0.1, 0.4, SIDE) + rng.normal(0, 0.01, WET.shape)
    after = 0.5 * before + np.where(WET, 0.5, 0)
    bands = {"red": before.astype(np.float32), "after:red": after.astype(np.float32)}
    rules = by_name(change_rules(bands))
    assert list(rules) == ["everything", "difference > Otsu", "difference, 5 x 5 mean > Otsu"]
    assert list(by_name(change_rules(("red",)))) == ["everything"]
    for name in ("difference > Otsu", "difference, 5 x 5 mean > Otsu"):
        mapped = rules[name].classes(bands) == 1
        assert mapped[INNER].all(), name
        assert not mapped[FAR].any(), name
    assert (rules["everything"].classes(bands) == 1).all()


def test_nothing_observed_is_nothing_mapped() -> None:
    bands = {name: np.full((4, 4), np.nan, np.float32) for name in ("vv", "before:vv")}
    for rule in water_rules(bands, db=False):
        assert (rule.classes(bands) == NOT_OBSERVED).all(), rule.name
