"""Rules for thresholds of tiles that are compared with the defaults."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from geoseg.tasks.flood.methods import water_methods
from tests.tasks.flood.water_scenes import WATER, choose, optical, request, score

BENCH = Path(__file__).parents[2] / "bench"
RULE = water_methods()["wi2015"].threshold


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"bench_{name}", BENCH / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    return load("tile_thresholds")


def test_the_default_is_the_map_of_the_method(bench: ModuleType) -> None:
    scene = optical(WATER)
    method = water_methods()["wi2015"]
    index = np.asarray(method.measure([[scene[band] for band in method.bands]]), np.float32)
    chip = bench.Chip(index=index, bright=scene["nir"] > 0.25, label=WATER.astype(np.uint8), rule=RULE)
    mapped = score(scene, choose(scene, request(method="wi2015")))[0] > 0.5
    assert np.array_equal(chip.mapped(None), mapped)


@pytest.mark.parametrize("find", ["modes, minimum error", "modes, Otsu", "balanced, Otsu"])
def test_two_kinds_of_ground_give_a_threshold_between_them(bench: ModuleType, find: str) -> None:
    rng = np.random.default_rng(0)
    tile = rng.normal(-30, 2, (64, 64)).astype(np.float32)
    tile[:, :20] = rng.normal(10, 2, (64, 20))
    assert -25 < bench._threshold(tile, RULE, find) < 5


@pytest.mark.parametrize("find", ["modes, minimum error", "balanced, Otsu"])
def test_one_kind_of_ground_has_the_fixed_threshold(bench: ModuleType, find: str) -> None:
    tile = np.random.default_rng(0).normal(-30, 2, (64, 64)).astype(np.float32)
    assert bench._threshold(tile, RULE, find) == RULE.fixed


def test_the_rule_of_a_run_is_chosen_on_the_others(
    bench: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "RUNS", 3)
    good, bad = np.array([[9, 1], [1, 9]]), np.array([[5, 5], [5, 5]])
    first, second = bench.RULES[:2]
    # The first rule is better on the last run alone, and must not be used there.
    tried = {first: [bad, bad, good], second: [good, good, bad]}
    counts, choices = bench._leave_one_run_out((first, second), tried, (0, 1, 2))
    assert choices[2] == second
    assert counts[2] is tried[second][2]


@pytest.mark.parametrize("name", ["tile_thresholds", "threshold_samples"])
def test_without_data_it_says_so(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", [f"{name}.py", "--data", "/nowhere"])
    assert load(name).main() == 3
