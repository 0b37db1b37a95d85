"""Thresholds found in a sample, and when none is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from geoseg.tasks.flood.methods import water_methods
from geoseg.tasks.flood.optical import NormalisedDifference, index_threshold
from geoseg.tasks.flood.threshold import find_threshold
from tests.messages import Messages
from tests.tasks.flood.water_scenes import SIDE, WATER, Scene, choose, optical, request, score


@pytest.mark.parametrize("name", ["wi2015", "mndwi", "awei-sh", "awei-nsh", "waterdetect"])
@pytest.mark.parametrize("share", [0, 1])
def test_one_kind_of_ground_is_not_split_by_an_index(share: int, name: str, messages: Messages) -> None:
    scene = optical(np.full((SIDE, SIDE), share == 1))
    choice = choose(scene, request(method=name))
    assert not messages.codes
    assert choice.threshold == 0
    assert (score(scene, choice)[0] > 0.5).mean() == share


def test_two_kinds_of_land_are_not_water_and_land(messages: Messages) -> None:
    rng = np.random.default_rng(0)
    for low, high, name in ((-0.7, -0.35, "mndwi"), (-17.0, -9.0, "sar-vh")):
        radar_scene = name == "sar-vh"
        values = np.where(WATER, low, high) + rng.normal(0, 0.02 * abs(low), WATER.shape)
        scene: Scene = (
            {"green": (1 + values).astype(np.float32), "swir16": (1 - values).astype(np.float32)}
            if not radar_scene
            else {"vh": values.astype(np.float32)}
        )
        messages.clear()
        choice = choose(scene, request(method=name, speckle="none"))
        assert ("water-method-doubtful" in messages.codes) == radar_scene, name
        assert not (score(scene, choice)[0] > 0.5).any(), name


def test_regions_of_an_index_grow_downwards_within_the_guard() -> None:
    class Growing(NormalisedDifference):
        name = measured = formula = title = citation = "growing"
        bands = ("green", "swir16")
        threshold = replace(index_threshold(), guard=(-0.2, 0.1), grow=0.15)

    rng = np.random.default_rng(0)
    values = (np.where(WATER, 0.3, -0.3) + rng.normal(0, 0.1, WATER.shape)).astype(np.float32)
    plain = find_threshold(water_methods()["mndwi"], [values], "auto", 10.0)
    found = find_threshold(Growing(), [values], "auto", 10.0)
    assert found.strict == pytest.approx(plain.threshold + 0.15)
    assert found.threshold == pytest.approx(max(plain.threshold - 0.15, -0.2))


@pytest.mark.parametrize("gap", [0.0, 6.0])
def test_the_threshold_of_a_pair_moves_out_of_land_and_from_water_to_land(gap: float) -> None:
    """Otsu's threshold cuts land where that is alone, and is nearer to water than to land where both are."""
    rng = np.random.default_rng(0)
    values = (np.where(WATER, -gap, 0) + rng.normal(-0.5, 0.5, WATER.shape)).astype(np.float32)
    method = water_methods()["sar-pair"]
    plain, found = (find_threshold(method, [values], name, 10.0).threshold for name in ("otsu", "auto"))
    assert np.sign(found - plain) == (1 if gap else -1)


@pytest.mark.parametrize(("gap", "told"), [(0.0, True), (1.5, True), (6.0, False)])
def test_classes_without_a_unit_that_are_not_clear_are_told(
    gap: float, told: bool, messages: Messages
) -> None:
    method = water_methods()["sar-pair"]
    noise = np.random.default_rng(0).normal(0, 0.5, WATER.shape)
    values = (np.where(WATER, -gap * 0.5, gap * 0.1) + noise).astype(np.float32)
    find_threshold(method, [values], "auto", 10.0)
    assert messages.codes == ["water-method-doubtful"] * told
    assert all("nearly all flooded" in text and "--threshold" in text for text in messages.warnings)
    messages.clear()
    find_threshold(method, [values], "otsu", 10.0)
    assert not messages.codes


@pytest.mark.parametrize(("between", "warned"), [(0.0, False), (0.8, True)])
def test_dark_ground_without_an_edge_is_warned_of(between: float, warned: bool, messages: Messages) -> None:
    """Two classes may be clear though most of the darker one lies between its darkest values and land."""
    rng = np.random.default_rng(0)
    values = np.where(WATER, -2.6, 0) + rng.normal(0, 0.3, WATER.shape)
    ramp = rng.uniform(-2, -0.3, WATER.shape)
    mixed = np.where(rng.random(WATER.shape) < between * WATER, ramp, values).astype(np.float32)
    find_threshold(water_methods()["sar-pair"], [mixed], "auto", 10.0)
    assert messages.codes == ["water-method-doubtful"] * warned
    assert all("no clear edge" in text for text in messages.warnings)
