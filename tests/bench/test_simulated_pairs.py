"""Simulated earlier dates, and what the default maps of them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench.test_tile_thresholds import load
from tests.tasks.flood.water_scenes import WATER, agreement, radar

pairs = load("simulated_pairs")
LABEL = WATER.astype(np.uint8)


@pytest.mark.parametrize(("case", "value"), [("lasting", 2), ("flood", 1)])
def test_the_water_of_the_label_is_flood_or_was_there_before(case: str, value: int) -> None:
    scene = pairs.with_date_before(case, dict(radar(WATER)), LABEL, np.random.default_rng(0))
    was_water = scene["before:vh"] < -20
    assert agreement(was_water, WATER) > 0.8 if case == "lasting" else was_water.mean() < 0.05
    classes, band = pairs.default_map(scene, "auto")
    assert band == "vh"
    assert pairs.CASES[case] == value
    assert agreement(classes == value, WATER) > 0.9


def test_intervals_resample_runs_of_consecutive_chips() -> None:
    chips = [np.array([[10, 0], [0, number]]) for number in range(28)]
    runs = pairs.runs_of(chips)
    assert len(runs) == pairs.RUNS
    assert [run[1, 1] for run in runs[:2]] == [0 + 1, 2 + 3]
    assert pairs.iou(np.array([[5, 1], [2, 7]])) == pytest.approx(0.7)
    assert len(pairs.runs_of(chips[:3])) == 3
