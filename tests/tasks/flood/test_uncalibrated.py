"""Backscatter in digital numbers without a unit."""

from __future__ import annotations

import numpy as np
import pytest

from geoseg.errors import SceneError, UsageError
from geoseg.tasks.flood.session import WaterSession
from tests.tasks.flood.water_scenes import WATER, Scene, agreement, choose, ground, request, score


def numbers(kind: str, water: float = -25.0) -> Scene:
    """Digital numbers of VH: dB that were stretched to 8 bits, or amplitude in 16 bits."""
    db = ground({"vh": (water, -15.0)})["vh"]
    if kind == "8-bit":
        return {"vh": np.round(np.clip((db + 35) / 30 * 255, 1, 254)).astype(np.float32)}
    return {"vh": np.round(10 ** (db / 20) * 1000).astype(np.float32)}


@pytest.mark.parametrize("kind", ["8-bit", "16-bit"])
@pytest.mark.parametrize("options", [{}, {"method": "sar-vh"}, {"thresholding": "otsu"}])
def test_two_kinds_of_ground_are_split(kind: str, options: dict[str, object]) -> None:
    scene = numbers(kind)
    choice = choose(scene, request(**options), units="dn")
    assert agreement(score(scene, choice)[0] > 0.5, WATER) > 0.9
    assert "number" in WaterSession(choice).description


@pytest.mark.parametrize("kind", ["8-bit", "16-bit"])
def test_one_kind_of_ground_is_refused(kind: str) -> None:
    with pytest.raises(SceneError, match="no unit and show no two kinds"):
        choose(numbers(kind, water=-15.0), request(), units="dn")


def test_the_polarisation_that_shows_two_kinds_of_ground_is_used() -> None:
    scene = {"vh": numbers("8-bit", water=-15.0)["vh"], "vv": numbers("8-bit")["vh"]}
    assert choose(scene, request(), units="dn").method.name == "sar-vv"


def test_a_given_threshold_is_in_digital_numbers() -> None:
    scene = numbers("8-bit", water=-15.0)
    choice = choose(scene, request(threshold=60.0), units="dn")
    assert choice.threshold == 60


@pytest.mark.parametrize("name", ["bmax-otsu", "edge-otsu", "hsba", "ki"])
def test_thresholds_that_need_db_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="needs dB"):
        choose(numbers("8-bit"), request(thresholding=name), units="dn")
