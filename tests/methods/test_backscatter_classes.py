"""Levels of water and land from histograms of backscatter and usual values."""

from __future__ import annotations

import numpy as np
import pytest

from geoseg.methods.backscatter_classes import (
    LEAST_SHARE,
    USUAL_LEVELS,
    WIDEST,
    boundary,
    fit_levels,
    with_shares,
)
from geoseg.methods.sar_water import DB_LIMITS
from geoseg.methods.thresholds import TwoGaussians, histogram

VH = USUAL_LEVELS["vh"]


def drawn(water: int, land: int, at: tuple[float, float] = (-26.0, -14.0)) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(at[0], 1.5, water), rng.normal(at[1], 1.5, land)])


def test_both_classes_are_found() -> None:
    levels = fit_levels(histogram(drawn(30_000, 70_000), DB_LIMITS), VH, weight=0.01)
    assert levels.means == pytest.approx((-26, -14), abs=0.15)
    assert levels.sigmas == pytest.approx((1.5, 1.5), abs=0.2)
    assert levels.shares == pytest.approx((0.3, 0.7), abs=0.01)


@pytest.mark.parametrize(("water", "land"), [(0, 100_000), (100_000, 0)])
def test_an_absent_class_keeps_its_usual_level(water: int, land: int) -> None:
    levels = fit_levels(histogram(drawn(water, land), DB_LIMITS), VH, weight=0.05)
    absent, usual = (0, VH.water) if not water else (1, VH.land)
    assert levels.means[absent] == pytest.approx(usual[0], abs=0.2)
    assert levels.shares[absent] == LEAST_SHARE


def test_an_empty_histogram_gives_usual_levels() -> None:
    levels = fit_levels(histogram(np.full(3, np.nan), DB_LIMITS), VH, weight=0.05)
    assert levels.means == pytest.approx((VH.water[0], VH.land[0]))
    assert VH.threshold[0] < boundary(levels, VH.threshold) < VH.threshold[1]


def test_shares_are_those_of_the_scene_and_levels_those_of_its_tiles() -> None:
    levels = fit_levels(histogram(drawn(50_000, 50_000), DB_LIMITS), VH, weight=0.01)
    scene = with_shares(levels, histogram(drawn(10_000, 90_000), DB_LIMITS))
    assert scene.shares == pytest.approx((0.1, 0.9), abs=0.005)
    assert (scene.means, scene.sigmas) == (levels.means, levels.sigmas)


def test_no_class_takes_dark_and_bright_values() -> None:
    values = np.random.default_rng(0).uniform(-40, 0, 100_000)
    assert max(fit_levels(histogram(values, DB_LIMITS), VH, weight=0.01).sigmas) <= WIDEST


@pytest.mark.parametrize("share", [0.03, 0.5, 0.97])
def test_the_boundary_moves_with_the_root_of_shares(share: float) -> None:
    levels = TwoGaussians(shares=(share, 1 - share), means=(-25.0, -15.0), sigmas=(2.0, 2.0))
    # Equal spreads: the middle, moved by s^2 / (m1 - m0) times half of the log odds.
    exact = -20 + 0.4 * np.log(share / (1 - share)) / 2
    assert boundary(levels, (-30.0, -10.0)) == pytest.approx(exact, abs=0.03)


def test_the_boundary_has_limits() -> None:
    levels = TwoGaussians(shares=(0.5, 0.5), means=(-35.0, -24.0), sigmas=(1.0, 1.0))
    assert boundary(levels, (-22.0, -16.0)) == -22
