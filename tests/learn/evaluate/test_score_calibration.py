"""Calibration found where it was put."""

from __future__ import annotations

import numpy as np
import pytest

from geoseg.learn.evaluate.score_calibration import (
    calibration_error,
    curve,
    fit_temperature,
    no_pixels,
    reliability,
)


def scores(true_temperature: float, count: int = 400_000) -> tuple[np.ndarray, np.ndarray]:
    """Scores of the class given, where the network's logits are `true_temperature` times too large."""
    rng = np.random.default_rng(0)
    logits = np.abs(rng.normal(0, 2, count))
    right = rng.random(count) < 1 / (1 + np.exp(-logits))
    said = 1 / (1 + np.exp(-logits * true_temperature))
    return np.round(said * 255).astype(np.uint8), right


@pytest.mark.parametrize("true", [0.6, 1.0, 1.8])
def test_the_temperature_is_found(true: float) -> None:
    assert fit_temperature(reliability(*scores(true))) == pytest.approx(true, rel=0.03)


def test_right_scores_have_no_error() -> None:
    assert calibration_error(reliability(*scores(1.0))) < 0.01
    assert calibration_error(reliability(*scores(2.5))) > 0.03


def test_by_hand() -> None:
    counts = reliability(np.array([255, 255, 204, 204], np.uint8), np.array([True, True, True, False]))
    assert curve(counts) == [(pytest.approx(0.8), 0.5, 2), (1.0, 1.0, 2)]
    assert calibration_error(counts) == pytest.approx(0.5 * 0.3)
    assert np.isnan(calibration_error(no_pixels()))
    assert fit_temperature(no_pixels()) == 1
